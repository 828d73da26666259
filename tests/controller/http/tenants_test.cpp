// What is asked for one tenant tells nothing of another.
#include <string>

#include "tests/controller/http/served_api.hpp"

namespace unik::controller {
namespace {

class Tenants : public ServedApi {
 protected:
  Tenants() {
    apply("kind: Tenant\nmetadata: {name: team-a}\n", "");
    apply("kind: Tenant\nmetadata: {name: team-b}\n", "");
  }

  std::string apply(const std::string& manifest, const std::string& query, const std::string& key = "") {
    return post("/v1/apply" + query, "apiVersion: unikctl.dev/v1\n" + manifest, 0, key);
  }

  // The body, or the reason of a refusal.
  std::string get(const std::string& target) {
    wire::ClientRequest request;
    request.endpoint = server_->endpoints()[0];
    request.target = target;
    const auto response = wire::fetch(request);
    if (!response) return to_string(response.error());
    return response->ok() ? response->body : wire::error_of(*response).reason;
  }

  // The error, or `deleted`.
  std::string remove(const std::string& target) {
    wire::ClientRequest request;
    request.method = "DELETE";
    request.endpoint = server_->endpoints()[0];
    request.target = target;
    const auto response = wire::fetch(request);
    if (!response) return to_string(response.error());
    return response->ok() ? "deleted" : wire::error_of(*response).reason;
  }

  // The only operation's id.
  std::string build_of(const std::string& tenant) {
    const runtimes::Digest source = context_->artifacts.put("a bundle")->digest;
    EXPECT_EQ(post("/v1/deployments?tenant=" + tenant,
                   "apiVersion: unikctl.dev/v1\nkind: App\nmetadata: {name: web}\nspec: {source: '" +
                       to_string(source) + "'}\n"),
              "build");
    return to_string(runner_->world()->operations.begin()->first);
  }

  static bool names(const std::string& body, const std::string& what) { return body.find(what) != std::string::npos; }
};

TEST_F(Tenants, AnOperationIsOfItsTenant) {
  const std::string id = build_of("team-a");
  EXPECT_TRUE(names(get("/v1/operations/" + id + "?tenant=team-a"), id));
  EXPECT_EQ(get("/v1/operations/" + id + "?tenant=team-b"), "operation_not_found");
  EXPECT_EQ(get("/v1/operations/" + id), "operation_not_found") << "without a tenant it is the default one's";
  EXPECT_EQ(get("/v1/operations/" + id + "/log?tenant=team-b"), "operation_not_found");
  EXPECT_NE(get("/v1/operations/" + id + "/log?tenant=team-a"), "operation_not_found");
}

TEST_F(Tenants, OneThatAsksIsToldOfItselfAlone) {
  const std::string own = get("/v1/tenants?tenant=team-b");
  EXPECT_TRUE(names(own, "team-b"));
  EXPECT_FALSE(names(own, R"("name":"team-a")") || names(own, R"("name":"default")"));
  EXPECT_EQ(get("/v1/tenants/team-a?tenant=team-b"), "tenant_not_found");
  EXPECT_TRUE(names(get("/v1/tenants/team-b?tenant=team-b"), "team-b"));
  EXPECT_TRUE(names(get("/v1/tenants"), "team-a") && names(get("/v1/tenants"), "default"));
}

TEST_F(Tenants, OneThatAsksDeletesNoOther) {
  EXPECT_EQ(remove("/v1/tenants/team-a?tenant=team-b"), "tenant_not_found");
  EXPECT_EQ(remove("/v1/tenants/default?tenant=team-b"), "tenant_not_found");
  EXPECT_EQ(remove("/v1/tenants/team-b?tenant=team-b"), "deleted");
  EXPECT_EQ(remove("/v1/tenants/team-a"), "deleted");
  EXPECT_EQ(remove("/v1/nodes/n1?tenant=team-b"), "node_not_found");
}

TEST_F(Tenants, EventsAreThoseOfWhoAsks) {
  events_->advance(runner_->world()->revision);
  const std::string own = get("/v1/events?follow=0&tenant=team-b");
  EXPECT_TRUE(names(own, "tenant/team-b"));
  EXPECT_FALSE(names(own, "tenant/team-a"));
  EXPECT_TRUE(names(get("/v1/events?follow=0"), "tenant/team-a"));
}

TEST_F(Tenants, KeysAreTheirOwn) {
  const std::string node = "kind: Node\nmetadata: {name: n1}\n";
  EXPECT_TRUE(names(apply(node, "?tenant=team-a", "k"), "created"));
  EXPECT_EQ(apply("kind: Node\nmetadata: {name: n2}\n", "?tenant=team-a", "k"), "idempotency_key_reused");
  EXPECT_TRUE(names(apply("kind: Node\nmetadata: {name: n3}\n", "?tenant=team-b", "k"), "created"));
}

}  // namespace
}  // namespace unik::controller
