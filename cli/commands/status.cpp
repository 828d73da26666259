// status: apps, instances, recent operations and nodes of the tenant in one view.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "cli/commands/commands.hpp"
#include "cli/operations.hpp"
#include "cli/output/document.hpp"
#include "cli/output/live.hpp"
#include "cli/output/views.hpp"
#include "wire/clock.hpp"

namespace unik::cli {
namespace {

struct StatusOptions {
  OutputFormat format = OutputFormat::kTable;
  bool watch = false;
};

// Ages move without an event; boot times and health arrive with one.
constexpr Duration kRedrawEvery = std::chrono::seconds(2);
constexpr Duration kSettle = std::chrono::milliseconds(50);  // several changes of one commit are one picture

std::string picture_of(const StatusView& status, OutputFormat format, bool colour) {
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return render_status(status, wire::read_clock().wall, format == OutputFormat::kWide, colour);
    case OutputFormat::kJson:
      return pretty_json(codec::to_json(status));
    case OutputFormat::kYaml:
      return yaml_of(codec::to_json(status));
    case OutputFormat::kName:
      break;
  }
  std::string names;
  for (const AppView& app : status.apps) names += "app/" + app.app.metadata.name + "\n";
  for (const InstanceView& instance : status.instances) names += "instance/" + instance.name + "\n";
  for (const Operation& operation : status.operations) names += "operation/" + operation.operation_id + "\n";
  for (const NodeView& node : status.nodes) names += "node/" + node.node.metadata.name + "\n";
  return names;
}

// Hears the event stream on a thread of its client, and is asked whether anything came.
class EventBell {
 public:
  explicit EventBell(const Api& api) : api_(api) {}
  ~EventBell() { transfer_.cancel(); }

  void ensure_open() {
    {
      const std::lock_guard lock(mutex_);
      if (open_) return;
      open_ = true;
    }
    wire::ClientRequest request = api_.events_request(std::nullopt, true);
    request.sink = [this](std::string_view) {
      ring();
      return true;
    };
    transfer_ = client_.send(std::move(request), [this](Result<wire::ClientResponse>) {
      const std::lock_guard lock(mutex_);
      open_ = false;
    });
  }

  // Until something came, at most `patience`.
  void wait(Duration patience) {
    std::unique_lock lock(mutex_);
    rung_.wait_for(lock, patience, [this] { return heard_; });
    heard_ = false;
  }

 private:
  void ring() {
    const std::lock_guard lock(mutex_);
    heard_ = true;
    rung_.notify_all();
  }

  const Api& api_;
  std::mutex mutex_;
  std::condition_variable rung_;
  bool heard_ = false;
  bool open_ = false;
  wire::Transfer transfer_;
  wire::HttpClient client_;  // last: its end waits for callbacks that use the others
};

// Until it is interrupted, or stdout takes no more. Where the output is no terminal, a picture is printed when it has
// changed.
Result<int> watch(const Session& session, const Api& api, const StatusOptions& options) {
  const Terminal& terminal = session.terminal();
  LiveRegion region(terminal.width, terminal.height);
  EventBell bell(api);
  std::uint64_t shown_revision = 0;
  bool lost = false;
  for (;;) {
    bell.ensure_open();
    const auto status = api.status();
    if (!status && !may_come_back(status.error())) return status.error();
    if (!status && !std::exchange(lost, true)) session.warn(status.error().message + "; trying again");
    if (status) {
      lost = false;
      if (terminal.live_out)
        session.out(region.draw(picture_of(*status, options.format, terminal.colour_out)));
      else if (status->revision != shown_revision)
        session.out(picture_of(*status, options.format, false) + "\n");
      shown_revision = status->revision;
      if (!session.can_write()) return 0;
    }
    bell.wait(kRedrawEvery);
    std::this_thread::sleep_for(kSettle);
  }
}

Result<int> run_status(const Session& session, const StatusOptions& options) {
  const auto api = session.connect();
  if (!api) return api.error();
  if (options.watch) return watch(session, *api, options);
  const auto status = api->status();
  if (!status) return status.error();
  session.out(picture_of(*status, options.format, session.terminal().colour_out));
  return 0;
}

}  // namespace

void add_status(CommandTree& tree) {
  const auto options = std::make_shared<StatusOptions>();
  VerbFlags verb = tree.add(kShortcuts, "status", "Show apps, instances, operations and nodes in one view",
                            [options](const Session& session) { return run_status(session, *options); });
  verb.flag("-w,--watch", options->watch, "Draw again whenever something changes");
  verb.output(options->format);
}

}  // namespace unik::cli
