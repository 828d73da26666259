// deploy [PROJECT|PACKAGE|BINARY] [-- ARGS]: packs what is named, sends it, and declares the App that runs it.
#include <memory>
#include <system_error>

#include "cli/app_plan.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/show.hpp"
#include "cli/deployed_image.hpp"
#include "cli/operations.hpp"
#include "cli/output/document.hpp"
#include "cli/packing.hpp"
#include "cli/remote_build.hpp"
#include "cli/rollout_watch.hpp"
#include "codec/json.hpp"
#include "codec/yaml_out.hpp"
#include "runtimes/lib/oci/image_import.hpp"
#include "runtimes/lib/oci/reference.hpp"

namespace unik::cli {
namespace {

struct DeployOptions {
  std::string subject;
  AppFlags app;
  PackRequest pack;
  std::string rootfs;
  std::string initrd;
  RegistryFlags registry;
  OutputFormat format = OutputFormat::kTable;
  bool remote_build = false;
  bool wait = false;
  bool dry_run = false;
  Duration timeout{};  // zero: not given
};

// A boot takes less than a second, an image's transfer a while; how long a job takes is its own affair.
constexpr Duration kDeployTimeout = std::chrono::minutes(5);
constexpr Duration kBuildTimeout = std::chrono::hours(1);  // and one more for those before it
constexpr Duration kJobTimeout = std::chrono::hours(24 * 365);

Duration or_default(Duration given, Duration otherwise) {
  return given > Duration::zero() ? given : otherwise;
}

struct Subject {
  AppInputs inputs;
  std::string name;                          // unless --name gave one
  std::optional<runtimes::BlobStore> store;  // with `image`: what is to be sent
  std::optional<runtimes::PackedImage> image;
  std::optional<DeployedImage> deployed;  // of an image that is none of this host's packing
  std::unique_ptr<Bundle> bundle;         // of what the control plane builds
};

Result<Subject> take_image(const Session& session, const DeployOptions& options, const std::string& text) {
  // An image that the control plane must have: nothing is looked up, packed or sent. A dry run asks nobody.
  const auto exact = runtimes::parse_image_name(text);
  Subject subject;
  if (exact && exact->digest && (exact->registry.empty() || options.dry_run)) {
    subject.deployed = DeployedImage{{name_without_tag(*exact), *exact->digest}, std::nullopt, false};
  } else {
    auto store = open_store(session);
    if (!store) return store.error();
    std::optional<Api> api;
    if (exact && exact->digest) {
      auto connected = session.connect();
      if (!connected) return connected.error();
      api = *std::move(connected);
    }
    auto deployed = resolve_image(session, api ? &*api : nullptr, *store, text, options.registry);
    if (!deployed) return deployed.error();
    subject.deployed = *std::move(deployed);
    subject.image = subject.deployed->image;
    subject.store = std::move(store).value();
  }
  subject.inputs.image = to_string(subject.deployed->reference);
  subject.inputs.args = session.guest_args();
  auto name = name_from(std::filesystem::path(subject.deployed->reference.name));
  if (!name) return name.error();
  subject.name = *name;
  return subject;
}

Result<Subject> take_path(const Session& session, const DeployOptions& options, const std::filesystem::path& path) {
  auto store = open_store(session);
  if (!store) return store.error();
  Subject subject;
  const std::filesystem::path whole = (session.environment().working_dir / path).lexically_normal();
  const bool directory = std::filesystem::is_directory(whole);
  // A program's ending is no part of its name: `server.bin` runs as `server`.
  auto name = options.app.name.empty() ? name_from(directory || !options.rootfs.empty() ? whole : whole.stem())
                                       : Result<std::string>(options.app.name);
  if (!name) return name.error();
  subject.name = *name;
  PackRequest request = options.pack;
  request.path = whole;
  if (!options.rootfs.empty()) request.rootfs = whole;
  if (!options.initrd.empty()) request.initrd = options.initrd;
  request.args = session.guest_args();
  request.debug = options.app.debug;
  request.name = *name;
  auto packed = pack(session, *store, request);
  if (!packed) return packed.error();
  subject.inputs.image = to_string(packed->image.reference);
  subject.inputs.recipe = std::move(packed->recipe);
  if (!packed->args_in_image) subject.inputs.args = session.guest_args();
  subject.image = std::move(packed->image);
  subject.store = std::move(store).value();
  return subject;
}

// What the flags ask for and no bundle can bring along.
Result<void> check_remote(const DeployOptions& options) {
  const auto refuse = [](const std::string& flag, const std::string& why) {
    return invalid("usage", flag + " does not go with --remote-build: " + why);
  };
  if (!options.rootfs.empty())
    return refuse("--rootfs", "a root file system is sent as it is; leave --remote-build out");
  if (!options.initrd.empty()) return refuse("--initrd", "a kernel is sent as it is; leave --remote-build out");
  if (!options.pack.includes.empty())
    return refuse("--include", "put the files into the source, and name them under `include` in its unik.yaml");
  return {};
}

Result<Subject> take_source(const Session& session, const DeployOptions& options) {
  if (auto checked = check_remote(options); !checked) return checked.error();
  const std::string text = options.subject.empty() ? "." : options.subject;
  const auto directory = (session.environment().working_dir / text).lexically_normal();
  std::error_code ignored;
  if (!std::filesystem::is_directory(directory, ignored))
    return invalid("usage", "--remote-build: want a source directory to send, got `" + text + "`; leave the flag out");
  auto recipe = read_recipe(directory);
  if (!recipe) return recipe.error();
  auto name = options.app.name.empty() ? name_from(directory) : Result<std::string>(options.app.name);
  if (!name) return name.error();
  auto bundle = Bundle::make(session, directory, *recipe);
  if (!bundle) return bundle.error();
  Subject subject;
  subject.name = *name;
  subject.inputs.source = (*bundle)->digest();
  subject.inputs.args = session.guest_args();
  subject.inputs.recipe = *std::move(recipe);
  subject.bundle = *std::move(bundle);
  return subject;
}

Result<Subject> take_subject(const Session& session, const DeployOptions& options) {
  if (options.remote_build) return take_source(session, options);
  if (!options.rootfs.empty() && !options.subject.empty())
    return invalid("usage",
                   "want a directory, program or kernel, or --rootfs, got both; the command for --rootfs "
                   "follows `--`");
  const std::string text = !options.rootfs.empty() ? options.rootfs : options.subject.empty() ? "." : options.subject;
  std::error_code ignored;
  const auto path = session.environment().working_dir / text;
  const bool exists = std::filesystem::exists(path, ignored);
  if (!exists && !options.rootfs.empty())
    return not_found(
        "no_such_file",
        "--rootfs " + text + ": want a directory, or a tar, cpio or erofs image, and there is no such file");
  if (!exists) {
    // A word that could be a path or a name and is neither: say all that it might have been.
    const auto name = runtimes::parse_image_name(text);
    if (runtimes::parse_import_place(text) || (name && (name->digest || !name->registry.empty())))
      return take_image(session, options, text);
    if (name) {
      auto subject = take_image(session, options, text);
      if (subject || subject.error().reason != "no_such_image") return subject;
    }
    return not_found("no_such_file",
                     "want a directory, a script, a program, a kernel, an image (NAME, HOST/NAME:TAG, "
                     "NAME@sha256:DIGEST, oci:DIR, docker-archive:FILE), and `" +
                         text + "` is none of them");
  }
  return take_path(session, options, text);
}

// Else an old run's console and exit code would pass for those of a new one.
void say_unchanged(const Session& session, const ApplyReply& reply, bool job) {
  for (const AppliedObject& object : reply.objects)
    if (object.verb == ApplyVerb::kUnchanged)
      session.say("app/" + object.name +
                  (job ? " is unchanged, so nothing runs anew: this is the run that it had; `unikctl destroy " +
                             object.name + " --wait` first runs it again"
                       : " is unchanged: nothing starts anew"));
}

// Shows the build as it goes and returns the deploy that follows; none when it failed, which was said then.
Result<std::optional<Operation>> await_build(const Session& session, const Api& api, const Operation& build,
                                             Duration timeout) {
  const auto done = follow_build(api, build.operation_id, timeout, [&](std::string_view text) {
    *session.terminal().err << text << std::flush;
    return true;
  });
  if (!done) return done.error();
  if (done->state == OperationState::kFailed) {
    const std::string why = reason_of(*done);
    session.say("build of app/" + done->target.app.str() + " failed: " + why.substr(0, why.find('\n')));
    return std::optional<Operation>();
  }
  session.say(done->message);
  auto deploy = api.operation(done->build->deploy);
  if (!deploy) return deploy.error();
  return std::optional<Operation>(*std::move(deploy));
}

Result<int> await(const Session& session, const Api& api, Operation operation, bool job, Duration timeout) {
  if (operation.kind == OperationKind::kBuild) {
    auto deploy = await_build(session, api, operation, or_default(timeout, kBuildTimeout));
    if (!deploy) return deploy.error();
    if (!*deploy) return 1;
    operation = **std::move(deploy);
  }
  return job ? await_job(session, api, operation, or_default(timeout, kJobTimeout))
             : await_deploy(session, api, operation, or_default(timeout, kDeployTimeout));
}

Result<int> run_deploy(const Session& session, const DeployOptions& options) {
  const auto found = session.find_api();
  if (!found) return found.error();
  AppFlags flags = options.app;
  const AppInputs known{found->target().tenant, "", session.guest_args(), session.environment().variables, {}};
  if (auto checked = check_flags(flags, known); !checked) return checked.error();
  auto subject = take_subject(session, options);
  if (!subject) return subject.error();
  if (flags.name.empty()) flags.name = subject->name;
  subject->inputs.tenant = found->target().tenant;
  subject->inputs.environment = session.environment().variables;
  auto app = plan_app(flags, subject->inputs);
  if (!app) return app.error();
  if (subject->deployed) {
    if (auto runs = check_program(*app, *subject->deployed); !runs) return runs.error();
    set_image(*app, *subject->deployed);
  }
  const std::string body = codec::to_json(Resource(*app));
  if (options.dry_run) {
    session.out(options.format == OutputFormat::kJson ? pretty_json(body) : codec::to_yaml(Resource(*app)));
    return 0;
  }

  const auto api = session.connect();
  if (!api) return api.error();
  if (subject->bundle) {
    if (auto sent = subject->bundle->send(session, *api); !sent) return sent.error();
  } else if (subject->image) {
    if (auto sent = upload(session, *api, *subject->store, *subject->image); !sent) return sent.error();
  } else if (subject->deployed) {
    send_signatures(session, *api, {subject->deployed->reference.digest});
  }
  const auto reply = api->deploy(body, options.remote_build ? options.pack.runtime : "");
  if (!reply) return in_flags(reply.error(), flags, subject->inputs.recipe.has_value());
  if (reply->operations.empty())
    return internal("bad_answer", "want an operation in the answer to a deploy, got none; report this");
  const Operation& operation = reply->operations.front();
  if (options.wait) {
    const bool job = app->spec.run.restart.policy == RestartPolicy::kNever;
    say_unchanged(session, *reply, job);
    return await(session, *api, operation, job, options.timeout);
  }
  show_reply(session, *reply, options.format);
  if (options.format == OutputFormat::kTable || options.format == OutputFormat::kWide)
    session.out("operation " + operation.operation_id + "\n");
  const bool builds = operation.kind == OperationKind::kBuild;
  session.say("next: unikctl status, unikctl logs -f " +
              (builds ? "operation/" + operation.operation_id : app->metadata.name) + ", unikctl wait operation/" +
              operation.operation_id);
  return 0;
}

}  // namespace

void add_deploy(CommandTree& tree) {
  const auto options = std::make_shared<DeployOptions>();
  VerbFlags verb =
      tree.add(kShortcuts, "deploy", "Build or pack something and run it: deploy DIR|SCRIPT|PROGRAM|KERNEL [-- ARGS]",
               [options](const Session& session) { return run_deploy(session, *options); });
  tree.take_guest_args(verb);
  verb.word("subject", options->subject, "DIR|SCRIPT|PROGRAM|KERNEL|IMAGE",
            "A project (.), a script or jar (.py, .js, .jar), a Linux program, a kernel, an image: NAME, "
            "HOST/NAME:TAG, oci:DIR, "
            "oci-archive:FILE, docker-archive:FILE, NAME@sha256:DIGEST",
            Need::kOptional);
  AppFlags& app = options->app;
  verb.text("--name", app.name, "NAME", "The app's name (that of the directory or file)");
  verb.number("--replicas", app.replicas, "N", "How many instances");
  verb.text("--cpu", app.cpu, "CPU", "CPUs of one instance: 500m, 2");
  verb.text("--memory", app.memory, "SIZE", "RAM of one guest: 128Mi, 1Gi");
  verb.list("-e,--env", app.env, "NAME[=VALUE]", "An environment variable; again for more");
  verb.list("-p,--publish", app.publish, "[HOST:]PORT",
            "Reach the guest's PORT at the node's HOST port, or a free one; again for more");
  verb.text("--runtime", options->pack.runtime, "NAME[@VERSION]",
            "What a project or script runs on (what its pack chooses)");
  verb.text("--rootfs", options->rootfs, "PATH", "Run a root file system: a directory, tar, cpio or erofs image");
  verb.list("--include", options->pack.includes, "PATH[:DEST]",
            "A file or directory to lay into the image; again for more");
  verb.text("--initrd", options->initrd, "PATH", "The initrd of a kernel");
  verb.list("--node-selector", app.node_selector, "KEY=VALUE", "Only nodes with this label; again for more");
  verb.text("--restart", app.restart, "POLICY", "always (the default), on-failure, or never for a job");
  verb.flag("--plain-http", options->registry.plain_http, "Speak to the registry without TLS");
  verb.flag("--debug", app.debug, "Keep symbols and trace the boot on the console");
  verb.flag("--remote-build", options->remote_build,
            "Send the source directory, and have the control plane's host build it");
  verb.flag("--wait", options->wait, "Return when it serves; of a job, its console and exit code");
  verb.duration("--timeout", options->timeout, "How long --wait waits (5m; for a job until it ends)");
  verb.flag("--dry-run", options->dry_run, "Print the App that would be applied, send nothing");
  verb.output(options->format);
}

}  // namespace unik::cli
