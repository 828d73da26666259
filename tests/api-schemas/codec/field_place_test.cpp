#include "codec/field_place.hpp"

#include <gtest/gtest.h>

namespace unik::codec {
namespace {

constexpr const char* kFile = R"(# two apps
apiVersion: unikctl.dev/v1
kind: App
metadata: {name: web}
spec:
  source: ./app
  ports:
    - {name: http, port: 8080}
    - name: admin
      port: 9090
---
apiVersion: unikctl.dev/v1
kind: App
metadata: {name: api}
spec:
  source: ./other
)";

TEST(FieldPlace, IsThatOfTheValueOrOfWhatIsAboveIt) {
  const ManifestText text{"two.yaml", kFile};
  const auto documents = parse_manifests({&text, 1});
  ASSERT_TRUE(documents) << to_string(documents.error());
  const auto place = [&](std::size_t document, const char* path) {
    return to_string(place_of_field(text, (*documents)[document].where, path));
  };
  EXPECT_EQ(place(0, "spec.source"), "two.yaml:6:11");
  EXPECT_EQ(place(0, "spec.ports[0].port"), "two.yaml:8:26");
  EXPECT_EQ(place(0, "spec.ports[1].port"), "two.yaml:10:13");
  EXPECT_EQ(place(0, "spec.ports[admin].port"), "two.yaml:10:13");
  EXPECT_EQ(place(0, "spec.ports[none].port"), "two.yaml:8:5");
  EXPECT_EQ(place(0, "spec.ports[7].port"), "two.yaml:8:5");
  EXPECT_EQ(place(0, "spec.resources.memory"), "two.yaml:6:3");
  EXPECT_EQ(place(1, "metadata.name"), "two.yaml:14:18");
  EXPECT_EQ(place(1, "spec.source"), "two.yaml:16:11");
  EXPECT_EQ(place(1, ""), "two.yaml:12:1");
  for (const char* odd : {"[", "[0]", "..", "spec.ports[x", "spec.ports[99999999999999999999]"})
    EXPECT_EQ(place(0, odd).substr(0, 9), "two.yaml:") << odd;
}

}  // namespace
}  // namespace unik::codec
