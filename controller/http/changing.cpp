#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "api/stable_hash.hpp"
#include "codec/json_reader.hpp"
#include "codec/manifest.hpp"
#include "codec/views_json.hpp"
#include "controller/core/foresee.hpp"
#include "controller/core/rollout_watch.hpp"
#include "controller/http/api.hpp"
#include "runtimes/lib/oci/image_facts.hpp"
#include "runtimes/lib/oci/reference.hpp"
#include "runtimes/lib/signature/image_signatures.hpp"

namespace unik::controller {
namespace {

constexpr std::size_t kMaxIdempotencyKey = 256;
// As in node.schema.json.
constexpr Duration kMaxDrainDeadline = std::chrono::hours(24);
constexpr std::size_t kMaxDrainReason = 256;

// A tenant's keys are its own: what another one has sent under the same key is not told of. No name has a slash.
std::string key_of(const std::string& tenant, const std::string& key) {
  return key.empty() ? key : tenant + "/" + key;
}

Result<Caller> caller_of(const wire::HttpRequest& request, const std::string& tenant) {
  Caller caller;
  caller.actor = request.peer.uid ? "uid/" + std::to_string(*request.peer.uid) : request.peer.address;
  caller.trace_id = request.trace_id;
  caller.idempotency_key = request.headers.get("Idempotency-Key");
  if (caller.idempotency_key.size() > kMaxIdempotencyKey)
    return invalid("bad_idempotency_key", "want at most " + std::to_string(kMaxIdempotencyKey) +
                                              " bytes as Idempotency-Key, got " +
                                              std::to_string(caller.idempotency_key.size()));
  caller.idempotency_key = key_of(tenant, caller.idempotency_key);
  caller.body_hash = stable_hash(request.body, stable_hash(request.method + " " + request.target));
  return caller;
}

// What an image lacks of its config and layers, in words; empty where it is whole. What is there stays there until the
// change that names it is made. Errors: those of BlobStore::manifest.
Result<std::string> lack_of(const runtimes::BlobStore& artifacts, const runtimes::Digest& image) {
  artifacts.renew(image);
  const auto manifest = artifacts.manifest(image);
  if (!manifest) return manifest.error();
  std::vector<std::string> missing;
  const auto need = [&](const std::string& what, const runtimes::Digest& digest) {
    artifacts.renew(digest);
    if (!artifacts.has(digest)) missing.push_back(what + " " + to_string(digest));
  };
  need("the config", manifest->config.digest);
  for (const runtimes::Descriptor& layer : manifest->layers) need("the layer", layer.digest);
  if (missing.size() < 2) return missing.empty() ? std::string() : missing.front();
  return missing.front() + " and " + std::to_string(missing.size() - 1) + " more";
}

bool is_whole_image(const runtimes::BlobStore& artifacts, const runtimes::Digest& image) {
  const Result<std::string> lack = lack_of(artifacts, image);
  return lack && lack->empty();
}

// What a question relies on of images and signatures that are not here: nothing, or that they will have been sent by
// the time that it is no question any more.
enum class Promise { kNone, kImages };

// An image that is not whole could never boot: said now, not on some node later.
Result<void> check_image(const runtimes::BlobStore& artifacts, const App& app, const runtimes::Digest& image,
                         Promise promise) {
  const std::string object = "app/" + app.metadata.name;
  const auto refuse = [&](const char* reason, const std::string& message, const std::string& place) {
    Error error = invalid(reason, object + ": " + message);
    error.details.push_back({object, 0, 0, "spec.image", place});
    return error;
  };
  const std::string name = "the image " + app.spec.boot.image;
  const std::string mend = ": upload it first (`unikctl deploy` and `unikctl apply` do)";
  const Result<std::string> lack = lack_of(artifacts, image);
  if (lack && lack->empty()) return {};
  if (promise == Promise::kImages && (lack || lack.error().reason == "no_such_image")) return {};
  if (lack)
    return refuse("image_incomplete", "want all of " + name + " on this controller, found it without " + *lack + mend,
                  "not all of it on this controller");
  if (lack.error().reason == "no_such_image")
    return refuse("image_unknown", name + " is not on this controller" + mend, "not on this controller");
  if (lack.error().reason == "bad_manifest" || lack.error().reason == "blob_too_large")
    return refuse(
        "image_unknown",
        name + ": want the digest of an image's manifest, found that of something else (" + lack.error().message + ")",
        "no image");
  return lack.error();
}

Result<void> check_images(const runtimes::BlobStore& artifacts, const std::vector<Resource>& resources,
                          Promise promise) {
  for (const Resource& resource : resources) {
    const App* const app = std::get_if<App>(&resource);
    if (app == nullptr) continue;
    const Result<runtimes::Reference> image = runtimes::parse_reference(app->spec.boot.image);
    if (!image) continue;  // said by who admits it, or a source
    if (Result<void> whole = check_image(artifacts, *app, image->digest, promise); !whole) return whole;
  }
  return {};
}

// As the request declares it, else as it is.
const TenantSpec& tenant_spec(const World& world, const std::vector<Resource>& resources, const std::string& tenant) {
  static const TenantSpec kUndeclared;
  for (const Resource& resource : resources) {
    const Tenant* const declared = std::get_if<Tenant>(&resource);
    if (declared != nullptr && declared->metadata.name == tenant) return declared->spec;
  }
  const TenantRow* const row = world.tenants.find(Symbol(tenant));
  return row == nullptr ? kUndeclared : row->tenant->spec;
}

// What an app has already of what it is to boot.
struct Boots {
  bool image = false;
  bool program = false;  // the image, with the same arguments
};

Boots boots_already(const World& world, const App& app) {
  Boots already;
  const AppRow* const row = world.apps.find(app.name());
  if (row == nullptr || row->deleting) return already;
  const auto compare = [&](const BootSpec& boot) {
    if (boot.image != app.spec.boot.image) return;
    already.image = true;
    already.program = already.program || boot.args == app.spec.boot.args;
  };
  // After a rollback what runs is not what is declared.
  compare(row->app->spec.boot);
  if (const Shared<BootSpec>* const running = world.templates.find({app.name(), row->rollout})) compare(**running);
  return already;
}

// An image that nobody trusted has signed would be refused by every node: said now. The nodes have the last word.
Result<void> check_signed(const runtimes::BlobStore& artifacts, const TenantSpec& tenant, const App& app,
                          const runtimes::Digest& image) {
  const std::vector<std::string>& keys = tenant.require_signatures.keys;
  if (keys.empty()) return {};
  const std::string object = "app/" + app.metadata.name;
  const auto checked = check_signatures(artifacts, object + ": the image " + app.spec.boot.image, image, keys);
  if (checked) return {};
  Error error = checked.error();
  error.details.push_back(
      {object, 0, 0, "spec.image", "not signed by a key that tenant " + app.metadata.tenant + " trusts"});
  return error;
}

Result<void> check_container(const runtimes::BlobStore& artifacts, const TenantSpec& tenant, const App& app,
                             const runtimes::Digest& image) {
  if (tenant.allow_containers) return {};
  const auto manifest = artifacts.manifest(image);
  if (!manifest) return manifest.error();
  if (runs_as(*manifest) != runtimes::RunsAs::kContainer) return {};
  const std::string object = "app/" + app.metadata.name;
  Error error{ErrorCode::kForbidden,
              "container_image",
              object + ": want an image that is built as a unikernel, found " + app.spec.boot.image +
                  ", the root of a container image, which tenant " + app.metadata.tenant +
                  " does not allow (spec.allowContainers)",
              {},
              {}};
  error.details.push_back({object, 0, 0, "spec.image", "a container image"});
  return error;
}

// As a node would find it: without anything to run nothing boots.
Result<void> check_program(const runtimes::BlobStore& artifacts, const App& app, const runtimes::Digest& image) {
  if (!app.spec.boot.args.empty()) return {};
  const auto manifest = artifacts.manifest(image);
  if (!manifest) return manifest.error();
  if (runs_as(*manifest) == runtimes::RunsAs::kKernel) return {};
  const auto config = artifacts.config(*manifest);
  if (!config) return config.error();
  if (!config->entrypoint.empty() || !config->cmd.empty()) return {};
  const std::string object = "app/" + app.metadata.name;
  Error error = invalid("no_program", object +
                                          ": want an image with an entry point or a command, or spec.args that name a "
                                          "program, found neither with " +
                                          app.spec.boot.image);
  error.details.push_back({object, 0, 0, "spec.image", "names no program to run, and spec.args neither"});
  return error;
}

// What an app has already is left alone, so that a new policy keeps nobody from applying what there is.
Result<void> check_policies(const runtimes::BlobStore& artifacts, const World& world,
                            const std::vector<Resource>& resources, Promise promise) {
  for (const Resource& resource : resources) {
    const App* const app = std::get_if<App>(&resource);
    if (app == nullptr) continue;
    const Boots already = boots_already(world, *app);
    if (already.program) continue;
    const Result<runtimes::Reference> image = runtimes::parse_reference(app->spec.boot.image);
    if (!image) continue;  // said by who admits it
    const bool promised = promise == Promise::kImages;
    if (promised && !is_whole_image(artifacts, image->digest)) continue;  // nobody here knows yet what it is
    const TenantSpec& tenant = tenant_spec(world, resources, app->metadata.tenant);
    if (!already.image)
      if (Result<void> allowed = check_container(artifacts, tenant, *app, image->digest); !allowed) return allowed;
    if (!already.image && !promised)
      if (Result<void> trusted = check_signed(artifacts, tenant, *app, image->digest); !trusted) return trusted;
    if (Result<void> runs = check_program(artifacts, *app, image->digest); !runs) return runs;
  }
  return {};
}

// The template that is gone back to may be older than a policy.
Result<void> check_way_back(const runtimes::BlobStore& artifacts, const World& world, const RolloutRequest& request) {
  const AppRow* const row = world.apps.find(request.app);
  if (row == nullptr || request.verb != RolloutVerb::kRollback) return {};
  const TemplateNote* const good = request.to ? nullptr : last_good_undeclared(world, request.app, *row);
  const std::uint64_t to = request.to ? *request.to : good != nullptr ? good->rollout : 0;
  const Shared<BootSpec>* const boot = world.templates.find({request.app, to});
  if (boot == nullptr) return {};  // said by who carries it out
  App app = *row->app;
  app.spec.boot = **boot;
  return check_policies(artifacts, world, {Resource(std::move(app))}, Promise::kNone);
}

Result<ApplyRequest> read_manifests(const wire::HttpRequest& request, const ApiContext& context, bool follow) {
  const codec::ManifestText text{"-", request.body};
  Result<std::vector<codec::ParsedManifest>> parsed = codec::parse_manifests({&text, 1}, tenant_of(request));
  if (!parsed) return std::move(parsed).error();
  ApplyRequest apply;
  apply.follow = follow;
  apply.trace_id = request.trace_id;
  for (codec::ParsedManifest& manifest : *parsed) apply.resources.push_back(std::move(manifest.resource));
  const Promise promise = query_flag(request, "promised_images") ? Promise::kImages : Promise::kNone;
  if (Result<void> known = check_images(context.artifacts, apply.resources, promise); !known)
    return std::move(known).error();
  if (Result<void> allowed = check_policies(context.artifacts, *context.runner.world(), apply.resources, promise);
      !allowed)
    return std::move(allowed).error();
  return apply;
}

void answer(const wire::Responder& responder, int status, const Answer& answer) {
  if (const auto* const reply = std::get_if<ApplyReply>(&answer)) {
    responder.send(json_response(status, codec::to_json(*reply)));
  } else if (const auto* const error = std::get_if<Error>(&answer)) {
    responder.send(*error);
  }
}

// A request that is repeated gets its first answer, whatever became of the image or source that it names.
bool answered_before(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder,
                     int status) {
  const Result<Caller> caller = caller_of(request, tenant_of(request));
  if (!caller) {
    responder.send(caller.error());
    return true;
  }
  const auto first = first_answer(*context.runner.world(), caller->idempotency_key, caller->body_hash);
  if (!first) return false;
  answer(responder, status, *first ? Answer(first->value()) : Answer(first->error()));
  return true;
}

void answer_foreseen(const wire::HttpRequest& request, const wire::Responder& responder, Result<ApplyReply> reply) {
  if (reply) return responder.send(json_response(200, codec::to_json(*reply)));
  Error error = std::move(reply).error();
  error.trace_id = request.trace_id;
  responder.send(error);
}

// `?lose=n1,n2`, and manifests as the body that are to be there too.
void handle_whatif(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder) {
  ApplyRequest add;
  if (!request.body.empty()) {
    Result<ApplyRequest> read = read_manifests(request, context, false);
    if (!read) return responder.send(read.error());
    add = std::move(*read);
  }
  std::vector<std::string> lose;
  std::istringstream names(query_text(request, "lose"));
  for (std::string name; std::getline(names, name, ',');) lose.push_back(name);
  if (lose.empty() && add.resources.empty())
    return responder.send(invalid("nothing_to_foresee", "want `lose` to name nodes, or manifests as the body"));
  answer_foreseen(request, responder,
                  foresee_loss(*context.runner.world(), lose, add, Symbol(query_text(request, "tenant"))));
}

Result<RolloutRequest> read_rollout(const PathValues& path, const wire::HttpRequest& request, RolloutVerb verb) {
  RolloutRequest rollout;
  rollout.app = {Symbol(tenant_of(request)), Symbol(path.at("name"))};
  rollout.verb = verb;
  rollout.trace_id = request.trace_id;
  const Result<std::optional<std::uint64_t>> to = query_number(request, "to");
  if (!to) return to.error();
  rollout.to = *to;
  return rollout;
}

Result<DrainRequest> read_drain(const PathValues& path, const wire::HttpRequest& request) {
  DrainRequest drain;
  drain.node = path.at("name");
  if (query_flag(request, "force")) drain.force = true;
  if (std::string reason = query_text(request, "reason"); !reason.empty()) drain.reason = std::move(reason);
  if (const std::string deadline = query_text(request, "deadline"); !deadline.empty()) {
    const Result<Duration> parsed = parse_duration(deadline);
    const bool too_long = parsed ? *parsed > kMaxDrainDeadline : parsed.error().reason == "duration_too_long";
    if (!parsed && !too_long)
      return invalid("bad_deadline", "want a duration such as 10m as `deadline`, got `" + deadline + "`");
    if (too_long) return invalid("bad_deadline", "want at most 24h as `deadline`, got `" + deadline + "`");
    drain.deadline = *parsed;
  }
  if (drain.reason && drain.reason->size() > kMaxDrainReason)
    return invalid("bad_reason", "want at most 256 bytes as `reason`, got " + std::to_string(drain.reason->size()));
  return drain;
}

// What is not understood could be what was meant to keep a request from doing harm.
Result<void> check_members(codec::JsonView object, const std::set<std::string_view>& known) {
  if (!object.is_object()) return invalid("bad_message", "want a JSON object as the body");
  for (codec::JsonView member = object.first(); member.exists(); member = member.next()) {
    if (known.contains(member.key())) continue;
    std::string names;
    for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
    return invalid("bad_message", "want " + names + " as members of the body, got `" + std::string(member.key()) + "`");
  }
  return {};
}

Result<DeleteRequest> read_destroy(const wire::HttpRequest& request) {
  const Result<codec::JsonDocument> document = codec::JsonDocument::parse(request.body);
  if (!document) return document.error();
  if (Result<void> checked = check_members(document->root(), {"names", "tenant"}); !checked) return checked.error();
  DeleteRequest destroy;
  destroy.trace_id = request.trace_id;
  const codec::JsonView tenant = document->root()["tenant"];
  destroy.tenant = tenant.text_or(kDefaultTenant);
  if ((tenant.exists() && !tenant.text()) || !is_dns_label(destroy.tenant))
    return invalid("bad_message", "want `tenant` to be the name of a tenant");
  const codec::JsonView names = document->root()["names"];
  if (!names.is_array()) return invalid("bad_message", "want `names` to be a list of names of apps");
  for (codec::JsonView name = names.first(); name.exists(); name = name.next()) {
    if (!name.text() || !is_dns_label(*name.text())) return invalid("bad_message", "want `names` to be names of apps");
    destroy.names.emplace_back(*name.text());
  }
  return destroy;
}

void handle_apply(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder) {
  if (answered_before(context, request, responder, 200)) return;
  if (query_flag(request, "promised_images") && !query_flag(request, "dry_run"))
    return responder.send(invalid("bad_query", "`promised_images` is for `dry_run=1`: what is applied has to be here"));
  Result<ApplyRequest> apply = read_manifests(request, context, false);
  if (!apply) return responder.send(apply.error());
  if (query_flag(request, "dry_run"))
    return answer_foreseen(request, responder,
                           foresee_apply(*context.runner.world(), *apply, Symbol(query_text(request, "tenant"))));
  ask(context, request, responder, 200, std::move(*apply));
}

// Building runs code of others on this host. Over a unix socket its permissions say who may ask; on a loopback port
// any process can, and the guests of this host too.
Result<void> may_build(const ApiContext& context, const wire::HttpRequest& request) {
  if (context.no_builds) return *context.no_builds;
  if (!request.peer.uid)
    return Error{ErrorCode::kForbidden,
                 "builds_need_socket",
                 "want a source to come over the controller's unix socket, which tells who asks, got a request over "
                 "TCP: use --url unix://HOME/controller.sock, which ssh -L forwards too, or build on your side "
                 "(without --remote-build)",
                 {},
                 {}};
  return {};
}

Result<void> check_source(const ApiContext& context, const App& app, const runtimes::Digest& source) {
  const std::string object = "app/" + app.metadata.name;
  if (!context.artifacts.has(source))
    return invalid("source_unknown", object + ": the source " + to_string(source) +
                                         " is not on this controller: upload it first (`unikctl deploy "
                                         "--remote-build` does)");
  context.artifacts.renew(source);
  if (tenant_spec(*context.runner.world(), {}, app.metadata.tenant).require_signatures.keys.empty()) return {};
  return Error{ErrorCode::kForbidden,
               "unsigned_build",
               object + ": tenant " + app.metadata.tenant +
                   " runs signed images alone, and nobody signs what is built here: build it on your side, sign it "
                   "(`unikctl image sign`) and deploy the image",
               {},
               {}};
}

// It is what the build is on and no part of the App that comes of it.
Result<std::string> take_runtime(const wire::HttpRequest& request, App& app) {
  const std::string asked = query_text(request, "runtime");
  const std::string declared = std::exchange(app.spec.runtime, {});
  if (!asked.empty() && !declared.empty() && asked != declared)
    return invalid("bad_query", "app/" + app.metadata.name + ": want one runtime, got `" + asked +
                                    "` as `runtime` and `" + declared + "` as spec.runtime; leave one of them out");
  return asked.empty() ? declared : asked;
}

// What was built of the same source before is deployed as it is, where it is still there.
void handle_build(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder, App app,
                  const runtimes::Digest& source) {
  BuildRequest build;
  build.app = std::move(app);
  build.trace_id = request.trace_id;
  Result<std::string> runtime = take_runtime(request, build.app);
  if (!runtime) return responder.send(runtime.error());
  build.runtime = *std::move(runtime);
  if (const Result<void> may = may_build(context, request); !may) return responder.send(may.error());
  if (const Result<void> checked = check_source(context, build.app, source); !checked)
    return responder.send(checked.error());
  std::string before = built_image(*context.runner.world(), build);
  const auto image = runtimes::parse_reference(before);
  if (image && is_whole_image(context.artifacts, image->digest)) build.image = std::move(before);
  Result<Caller> caller = caller_of(request, tenant_of(request));
  if (!caller) return responder.send(caller.error());
  build.actor = caller->actor;
  ask(context, request, responder, 202, std::move(build));
}

void handle_deploy(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder) {
  if (answered_before(context, request, responder, 202)) return;
  Result<ApplyRequest> apply = read_manifests(request, context, true);
  if (!apply) return responder.send(apply.error());
  App* const app = apply->resources.size() == 1 ? std::get_if<App>(&apply->resources.front()) : nullptr;
  if (app == nullptr)
    return responder.send(invalid("not_one_app", "want exactly one App to deploy; `apply` takes more"));
  if (const Result<runtimes::Digest> source = runtimes::parse_digest(app->spec.source))
    return handle_build(context, request, responder, std::move(*app), *source);
  if (!query_text(request, "runtime").empty())
    return responder.send(invalid("bad_query", "`runtime` is for an App with the digest of a bundle as its `source`"));
  ask(context, request, responder, 202, std::move(*apply));
}

void handle_delete(ApiContext& context, Kind kind, const PathValues& path, const wire::HttpRequest& request,
                   const wire::Responder& responder) {
  DeleteRequest deletion;
  deletion.kind = kind;
  deletion.tenant = names_of(kind).in_tenant ? tenant_of(request) : query_text(request, "tenant");
  deletion.names = {path.at("name")};
  deletion.trace_id = request.trace_id;
  ask(context, request, responder, kind == Kind::kApp ? 202 : 200, std::move(deletion));
}

// `destroy` names its tenant in the body.
std::string tenant_asked(const wire::HttpRequest& request, const Mutation& mutation) {
  const auto* const deletion = std::get_if<DeleteRequest>(&mutation);
  return deletion != nullptr && !deletion->tenant.empty() ? deletion->tenant : tenant_of(request);
}

}  // namespace

void ask(ApiContext& context, const wire::HttpRequest& request, const wire::Responder& responder, int status,
         Mutation mutation) {
  Result<Caller> caller = caller_of(request, tenant_asked(request, mutation));
  if (!caller) return responder.send(caller.error());
  context.runner.ask(
      [&](RequestId id) {
        return Event(MutationAsked{id, std::move(*caller), std::move(mutation)});
      },
      [responder, status](const Answer& reply) { answer(responder, status, reply); });
}

void add_changing_routes(ApiContext& context, std::vector<Route>& routes) {
  const wire::BodyPolicy manifests{false, codec::kMaxInputBytes};
  routes.push_back(
      {"POST",
       "/v1/apply",
       [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
         handle_apply(context, request, responder);
       },
       manifests,
       {{"tenant", QueryRule::kName}, {"dry_run", QueryRule::kFlag}, {"promised_images", QueryRule::kFlag}},
       false,
       true});
  routes.push_back({"POST",
                    "/v1/deployments",
                    [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
                      handle_deploy(context, request, responder);
                    },
                    manifests,
                    {{"tenant", QueryRule::kName}, {"runtime", QueryRule::kText}},
                    false,
                    true});
  routes.push_back({"POST",
                    "/v1/destroy",
                    [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
                      Result<DeleteRequest> destroy = read_destroy(request);
                      if (!destroy) return responder.send(destroy.error());
                      ask(context, request, responder, 202, std::move(*destroy));
                    },
                    {},
                    {},
                    false,
                    true});
  for (const Kind kind : {Kind::kApp, Kind::kNode, Kind::kTenant}) {
    routes.push_back(
        {"DELETE",
         "/v1/" + std::string(names_of(kind).plural) + "/{name}",
         [&context, kind](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
           handle_delete(context, kind, path, request, responder);
         },
         {},
         {{"tenant", QueryRule::kName}}});
  }
  for (const bool schedulable : {false, true}) {
    routes.push_back(
        {"POST",
         schedulable ? "/v1/nodes/{name}/uncordon" : "/v1/nodes/{name}/cordon",
         [&context, schedulable](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
           ask(context, request, responder, 200, CordonRequest{path.at("name"), schedulable});
         },
         {},
         {}});
  }
  routes.push_back({"POST",
                    "/v1/nodes/{name}/drain",
                    [&context](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
                      Result<DrainRequest> drain = read_drain(path, request);
                      if (!drain) return responder.send(drain.error());
                      ask(context, request, responder, 200, std::move(*drain));
                    },
                    {},
                    {{"deadline", QueryRule::kText}, {"force", QueryRule::kFlag}, {"reason", QueryRule::kText}}});
  for (const RolloutVerb verb : {RolloutVerb::kPause, RolloutVerb::kResume, RolloutVerb::kPromote, RolloutVerb::kAbort,
                                 RolloutVerb::kRestart, RolloutVerb::kRollback}) {
    routes.push_back(
        {"POST",
         "/v1/rollouts/{name}/" + std::string(to_string(verb)),
         [&context, verb](const PathValues& path, wire::HttpRequest request, const wire::Responder& responder) {
           if (answered_before(context, request, responder, 200)) return;
           Result<RolloutRequest> rollout = read_rollout(path, request, verb);
           if (!rollout) return responder.send(rollout.error());
           if (auto allowed = check_way_back(context.artifacts, *context.runner.world(), *rollout); !allowed)
             return responder.send(allowed.error());
           ask(context, request, responder, 200, std::move(*rollout));
         },
         {},
         verb == RolloutVerb::kRollback ? QueryRules{{"tenant", QueryRule::kName}, {"to", QueryRule::kNumber}}
                                        : QueryRules{{"tenant", QueryRule::kName}}});
  }
  routes.push_back({"POST",
                    "/v1/whatif",
                    [&context](const PathValues&, wire::HttpRequest request, const wire::Responder& responder) {
                      handle_whatif(context, request, responder);
                    },
                    manifests,
                    {{"tenant", QueryRule::kName}, {"lose", QueryRule::kText}, {"promised_images", QueryRule::kFlag}},
                    false,
                    true});
}

}  // namespace unik::controller
