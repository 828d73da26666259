# shellcheck shell=bash
# Sourced by what builds with Maven.

# with_debians_maven PROJECT: Debian's Maven repository in place of the public one, by settings of the project, as Maven reads them.
with_debians_maven() {
  mkdir -p "$1/.mvn"
  printf -- '-s\n.mvn/settings.xml\n' >"$1/.mvn/maven.config"
  printf '<settings><mirrors><mirror><id>debian</id><mirrorOf>*</mirrorOf><url>%s</url></mirror></mirrors></settings>\n' \
    file:///usr/share/maven-repo >"$1/.mvn/settings.xml"
}
