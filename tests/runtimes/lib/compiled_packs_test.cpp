#include "runtimes/lib/packs/java_program.hpp"
#include "runtimes/lib/packs/packs.hpp"
#include "runtimes/lib/packs/xml_document.hpp"
#include "tests/runtimes/lib/project_fixture.hpp"

namespace unik::runtimes {
namespace {

const std::string kMain = "package a.b;\npublic class Main {\n  public static void main(String[] args) {}\n}\n";

std::string pom(const std::string& inside) {
  return "<?xml version=\"1.0\"?>\n<project xmlns=\"urn:x\"><!-- <plugin/> -->" + inside + "</project>\n";
}

TEST_F(ProjectTest, Maven) {
  const std::string dependency =
      "<dependencies><dependency><artifactId>text</artifactId><version>1.0</version></dependency></dependencies>";
  const Look look = look_at({{"pom.xml", pom(dependency)}, {"src/main/java/Main.java", kMain}});
  EXPECT_EQ(look.pack, "maven");
  EXPECT_EQ(
      commands(look),
      "package: /tools/mvn -B -ntp -Dmaven.repo.local=/cache -Dproject.build.outputTimestamp=2024-01-01T00:00:00Z "
      "-Dmaven.test.skip=true package org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies "
      "-DincludeScope=runtime -DoutputDirectory=/app-dir/lib\n");
  const std::string shaded = dependency +
                             "<build><plugins><plugin><artifactId>maven-shade-plugin</artifactId><version>3</version></"
                             "plugin></plugins></build>";
  EXPECT_EQ(commands(look_at({{"pom.xml", pom(shaded)}})).find("copy-dependencies"), std::string::npos)
      << "it holds its libraries itself";
  EXPECT_EQ(look.plan->lock, "pom.xml");
}

TEST_F(ProjectTest, MavenVersionsAreExact) {
  const auto plugin = [](const std::string& version) {
    return pom("<build><plugins><plugin><artifactId>own-plugin</artifactId>" + version + "</plugin></plugins></build>");
  };
  EXPECT_EQ(refusal({{"pom.xml", plugin("<version>1</version>")}}), "");
  const Look none = look_at({{"pom.xml", plugin("")}});
  EXPECT_EQ(none.plan.error().reason, "no_lock");
  EXPECT_NE(none.message.find("pom.xml: want an exact <version> of the plugin own-plugin"), std::string::npos)
      << none.message;
  EXPECT_EQ(refusal({{"pom.xml", plugin("<version>LATEST</version>")}}), "no_lock");
  EXPECT_EQ(refusal({{"pom.xml", plugin("")}}, BuildMode::kDebug), "");
  for (const char* version : {"[1,2)", "RELEASE", "1.0-SNAPSHOT"})
    EXPECT_EQ(refusal({{"pom.xml", pom("<dependencies><dependency><artifactId>x</artifactId><version>" +
                                       std::string(version) + "</version></dependency></dependencies>")}}),
              "no_lock")
        << version;
}

TEST_F(ProjectTest, Javac) {
  const Look look = look_at({{"src/a/b/Main.java", kMain}, {"lib/x.jar", ""}, {"test/T.java", "class T {}"}});
  EXPECT_EQ(look.pack, "javac");
  EXPECT_EQ(commands(look),
            "compile: /tools/javac -encoding UTF-8 -d /work/.unikctl-classes -cp lib/x.jar @.unikctl-sources.txt\n"
            "pack: /tools/jar --create --file /app-dir/app.jar --date=2024-01-01T00:00:00Z --main-class a.b.Main -C "
            "/work/.unikctl-classes .\n");
  EXPECT_EQ(look.plan->files.at(".unikctl-sources.txt"), "\"src/a/b/Main.java\"\n");
  EXPECT_EQ(refusal({{"A.java", "class A {}"}}), "no_entry_point");
  const Look several = look_at({{"A.java", "class A { static void main(String[] a) {} }"}, {"b/Main.java", kMain}});
  EXPECT_NE(several.message.find("several: A, a.b.Main"), std::string::npos) << several.message;
}

TEST_F(ProjectTest, Gradle) {
  const std::string needs = "plugins { id 'java' }\ndependencies { implementation 'org.example:text:1.0' }\n";
  EXPECT_EQ(refusal({{"build.gradle", needs}}), "no_lock");
  const Look look = look_at({{"build.gradle.kts", "dependencies { implementation(\"org.example:text:1.0\") }"},
                             {"gradle/verification-metadata.xml", ""}});
  EXPECT_EQ(look.pack, "gradle");
  EXPECT_EQ(commands(look),
            "package: /tools/gradle --no-daemon --console=plain -g /cache -I .unikctl-init.gradle assemble "
            "unikctlLibraries\n");
  EXPECT_NE(look.plan->files.at(".unikctl-init.gradle").find("preserveFileTimestamps = false"), std::string::npos);
  EXPECT_EQ(refusal({{"build.gradle", "plugins { id 'java' }"}}), "");
}

TEST_F(ProjectTest, MainClassesOfJars) {
  if (!have("jar")) GTEST_SKIP() << "no jar here";
  write_file(dir_ / "m" / "x.txt", "x");
  const std::string name = std::string(80, 'a') + ".Main";  // the manifest's line goes on after 72 bytes
  shell("jar --create --file " + (dir_ / "a.jar").string() + " --main-class " + name + " -C " + (dir_ / "m").string() +
        " .");
  EXPECT_EQ(*main_class_of_jar(dir_ / "a.jar"), name);
  shell("jar --create --file " + (dir_ / "b.jar").string() + " -C " + (dir_ / "m").string() + " .");
  EXPECT_EQ(*main_class_of_jar(dir_ / "b.jar"), "");
  write_file(dir_ / "c.jar", "no jar");
  EXPECT_EQ(main_class_of_jar(dir_ / "c.jar").error().reason, "bad_jar");
}

// ---- .NET: no SDK is to be had where this was written, so the commands are held to what its documentation says ----

const std::string kProject =
    "<Project Sdk=\"Microsoft.NET.Sdk\"><PropertyGroup><OutputType>Exe</OutputType></PropertyGroup>";

TEST_F(ProjectTest, Dotnet) {
  const Look look = look_at({{"hello.csproj", kProject + "</Project>"}, {"Program.cs", ""}});
  EXPECT_EQ(look.pack, "dotnet");
  const std::string environment =
      "DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 MSBUILDDISABLENODEREUSE=1 "
      "NUGET_PACKAGES=/cache ";
  EXPECT_EQ(commands(look),
            "restore: " + environment +
                "/tools/dotnet restore hello.csproj --runtime linux-x64\npublish: " + environment +
                "/tools/dotnet publish hello.csproj --no-restore --configuration Release --output /app-dir "
                "--runtime linux-x64 --self-contained true -p:Deterministic=true -p:PathMap=/work=/src "
                "-p:ContinuousIntegrationBuild=true -p:DebugType=none\n");
}

TEST_F(ProjectTest, DotnetLocksAndPrograms) {
  const std::string needs =
      kProject + "<ItemGroup><PackageReference Include=\"X\" Version=\"1\"/></ItemGroup></Project>";
  const Look refused = look_at({{"a/a.csproj", needs}});
  EXPECT_EQ(refused.plan.error().reason, "no_lock");
  EXPECT_NE(refused.message.find("a/a.csproj: want packages.lock.json beside it"), std::string::npos)
      << refused.message;
  const Look locked = look_at({{"a.csproj", needs}, {"packages.lock.json", "{}"}});
  EXPECT_NE(commands(locked).find("--runtime linux-x64 --locked-mode\n"), std::string::npos) << commands(locked);
  EXPECT_EQ(refusal({{"lib.csproj", "<Project Sdk=\"Microsoft.NET.Sdk\"/>"}}), "no_entry_point");
  EXPECT_EQ(refusal({{"web.csproj", "<Project Sdk=\"Microsoft.NET.Sdk.Web\"/>"}}), "");
  EXPECT_EQ(refusal({{"a/a.csproj", kProject}, {"b/b.csproj", kProject}}), "no_entry_point");
}

TEST(XmlDocument, IsReadAsATree) {
  const XmlElement root = read_xml(
      "<?xml version='1.0'?><!DOCTYPE x><x:a k='1' l=\"&lt;2\">one<!-- <b>no</b> --><b/>\n <b m='3'><c>two &amp; "
      "three</c></b><![CDATA[<d>]]></x:a>");
  EXPECT_EQ(root.name, "a");
  EXPECT_EQ(root.attributes.at("l"), "<2");
  ASSERT_EQ(root.children.size(), 2U);
  EXPECT_EQ(root.children[1].child("c"), "two & three");
  EXPECT_EQ(root.text, "one\n <d>");
  EXPECT_EQ(elements_named(root, "c").size(), 1U);
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "<a>";
  EXPECT_EQ(read_xml(deep).name, "a") << "bounded in depth";
  for (const char* broken : {"", "text", "<", "<a", "<a b", "<a b=", "<a b='", "<a></b", "<!--", "<![CDATA["})
    read_xml(broken);
}

}  // namespace
}  // namespace unik::runtimes
