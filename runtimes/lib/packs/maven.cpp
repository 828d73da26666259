// Maven: pom.xml, whose versions must be exact. What Maven binds by itself (compiler, jar …) is pinned by its own
// version, which is recorded.
#include <algorithm>
#include <set>

#include "runtimes/lib/packs/java_program.hpp"
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/xml_document.hpp"

namespace unik::runtimes {
namespace {

constexpr const char* kPom = "pom.xml";
constexpr std::string_view kOfMaven[] = {"maven-clean-plugin",    "maven-compiler-plugin", "maven-deploy-plugin",
                                         "maven-install-plugin",  "maven-jar-plugin",      "maven-resources-plugin",
                                         "maven-surefire-plugin", "maven-site-plugin",     "maven-war-plugin",
                                         "maven-ear-plugin",      "maven-ejb-plugin"};

std::optional<Evidence> detect_maven(const SourceTree& source) {
  if (!source.has(kPom)) return std::nullopt;
  return Evidence{kPom};
}

std::vector<ToolNeed> tools_maven(const PackContext& context) {
  return {jdk_tool(context), {"mvn", {"mvn"}, {"-B", "--version"}, "Apache Maven ", "apt-get install maven"}};
}

bool is_floating(const std::string& version) {
  return version.starts_with("[") || version.starts_with("(") || version == "LATEST" || version == "RELEASE" ||
         version.ends_with("-SNAPSHOT");
}

std::string coordinates_of(const XmlElement& element) {
  return element.child("artifactId");
}

// A plugin's version stands with it, in a pluginManagement, or in the parent, which is pinned itself.
Result<void> check_plugins(const PackContext& context, const std::string& file, const XmlElement& pom) {
  std::set<std::string> pinned(std::begin(kOfMaven), std::end(kOfMaven));
  const std::vector<const XmlElement*> plugins = elements_named(pom, "plugin");
  for (const XmlElement* plugin : plugins)
    if (!plugin->child("version").empty()) pinned.insert(coordinates_of(*plugin));
  const bool has_parent = !elements_named(pom, "parent").empty();
  for (const XmlElement* plugin : plugins) {
    const std::string version = plugin->child("version");
    if (!is_floating(version) && (has_parent || pinned.contains(coordinates_of(*plugin)))) continue;
    return in_source(context, file, "no_lock",
                     "want an exact <version> of the plugin " + coordinates_of(*plugin) + ", found " +
                         (version.empty() ? "none" : version) + "; write the one that you build with");
  }
  return {};
}

Result<void> check_dependencies(const PackContext& context, const std::string& file, const XmlElement& pom) {
  for (const char* kind : {"dependency", "parent"})
    for (const XmlElement* element : elements_named(pom, kind)) {
      const std::string version = element->child("version");
      // A module of the same build is its own snapshot.
      const bool own = element->child("groupId") == "${project.groupId}" || version == "${project.version}" ||
                       (std::string_view(kind) == "parent" && context.source.files_below(kPom).size() > 1);
      if (own || !is_floating(version)) continue;
      return in_source(context, file, "no_lock",
                       "want an exact <version> of " + coordinates_of(*element) + ", found " + version +
                           "; write the one that you build with");
    }
  return {};
}

// A jar that holds its libraries itself.
bool is_self_contained(const SourceTree& source) {
  for (const std::string& path : source.files_below(kPom)) {
    const XmlElement pom = read_xml(source.text_or_empty(path));
    for (const XmlElement* plugin : elements_named(pom, "plugin"))
      for (const char* name : {"spring-boot-maven-plugin", "maven-shade-plugin", "maven-assembly-plugin"})
        if (coordinates_of(*plugin) == name) return true;
  }
  return false;
}

bool has_dependencies_maven(const SourceTree& source) {
  for (const std::string& path : source.files_below(kPom))
    if (!elements_named(read_xml(source.text_or_empty(path)), "dependency").empty()) return true;
  return false;
}

Result<BuildPlan> plan_maven(const PackContext& context) {
  BuildPlan plan;
  plan.lock = kPom;
  plan.deterministic = context.mode == BuildMode::kRelease;
  if (plan.deterministic)
    for (const std::string& path : context.source.files_below(kPom)) {
      if (path != kPom && !path.ends_with(std::string("/") + kPom)) continue;
      const XmlElement pom = read_xml(context.source.text_or_empty(path));
      for (const auto check : {check_plugins, check_dependencies})
        if (auto checked = check(context, path, pom); !checked) return checked.error();
    }
  BuildStep package{"package", {context.tools.at("mvn").program.string(), "-B", "-ntp"}, {}};
  package.args.insert(package.args.end(), {"-Dmaven.repo.local=" + context.places.cache.string(),
                                           std::string("-Dproject.build.outputTimestamp=") + kJarDate,
                                           "-Dmaven.test.skip=true", "package"});
  // In the same run, so that modules find each other.
  if (has_dependencies_maven(context.source) && !is_self_contained(context.source))
    package.args.insert(package.args.end(),
                        {"org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies", "-DincludeScope=runtime",
                         "-DoutputDirectory=" + (context.places.app / "lib").string()});
  plan.steps.push_back(std::move(package));
  return plan;
}

// Where projects name their main class beside the jar: a property, or the only class that has one.
std::string named_class(const SourceTree& source) {
  const XmlElement pom = read_xml(source.text_or_empty(kPom));
  for (const char* key : {"start-class", "exec.mainClass", "mainClass", "main.class"})
    for (const XmlElement* properties : elements_named(pom, "properties"))
      if (const std::string name = properties->child(key); !name.empty()) return name;
  const std::vector<std::string> classes = main_classes(source);
  return classes.size() == 1 ? classes.front() : "";
}

Result<Launch> finish_maven(const PackContext& context) {
  return launch_jar(context, kPom, named_class(context.source));
}

}  // namespace

const Pack kMavenPack = {"maven", "java", "java", "pom.xml", detect_maven, tools_maven, plan_maven, finish_maven};

}  // namespace unik::runtimes
