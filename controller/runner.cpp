#include "controller/runner.hpp"

#include <malloc.h>

#include <algorithm>
#include <utility>

#include "wire/clock.hpp"
#include "wire/log.hpp"

namespace unik::controller {
namespace {

// The loop counts no longer gap than kLongestTurnGap as silence, so it must turn more often than that.
constexpr Duration kLongestWait = std::chrono::seconds(1);

// What says nothing new may wait so long for company, since each turn wakes four threads: at rest that is most of what
// heartbeats cost. Beyond so many the loop turns at once.
constexpr Duration kGather = std::chrono::milliseconds(10);
constexpr std::size_t kGatherAtMost = 64;

// A heartbeat without a body confirms what is known.
bool may_wait(const Event& event) {
  const auto* const heartbeat = std::get_if<HeartbeatArrived>(&event);
  return heartbeat != nullptr && !heartbeat->report.body;
}

// To make, write, tell and answer records takes a multiple of the memory that the World keeps of them. The allocator
// would hold on to it for good, since what stays lies between what was freed: so it is given back after so many
// changes, once nothing more is under way, and after fewer of them when there have been none for a while.
constexpr std::size_t kReleaseAfter = kMaxChangesPerRecord;
constexpr std::size_t kReleaseAtRestAfter = kReleaseAfter / 10;
constexpr Duration kRest = std::chrono::seconds(1);

std::size_t published_changes(const Effects& effects) {
  std::size_t count = 0;
  for (const Effect& effect : effects.list)
    if (const auto* const publish = std::get_if<PublishWorld>(&effect); publish != nullptr && publish->record)
      count += publish->record->changes.size();
  return count;
}

bool begin_commit(const Effects& effects) {
  return std::any_of(effects.list.begin(), effects.list.end(),
                     [](const Effect& effect) { return std::holds_alternative<BeginCommit>(effect); });
}

bool is_request(const Event& event) {
  return std::holds_alternative<MutationAsked>(event) || std::holds_alternative<RegisterAsked>(event) ||
         std::holds_alternative<HeartbeatArrived>(event);
}

}  // namespace

Runner::Runner(std::string store_path, Store store, World world, LoopOptions options, const Retention& keep)
    : loop_(world, options),
      world_(std::make_shared<const World>(std::move(world))),
      committer_(std::move(store_path), std::move(store), CommitterOptions{.keep = keep},
                 [this](Event event) { post(std::move(event)); }) {}

Runner::~Runner() {
  stop();
}

void Runner::start(RunnerSinks sinks) {
  sinks_ = std::move(sinks);
  answer_thread_ = std::thread([this] { answer_all(); });
  loop_thread_ = std::thread([this] { run(); });
}

void Runner::stop() {
  {
    const std::lock_guard lock(inbox_mutex_);
    ending_ = true;
  }
  inbox_wake_.notify_one();
  if (loop_thread_.joinable()) loop_thread_.join();
  {
    const std::lock_guard lock(answers_mutex_);
    answers_ending_ = true;
  }
  answers_wake_.notify_one();
  if (answer_thread_.joinable()) answer_thread_.join();
}

RequestId Runner::ask(const std::function<Event(RequestId)>& make, OnAnswer on_answer) {
  RequestId id = 0;
  {
    const std::lock_guard lock(answers_mutex_);
    id = ++last_id_;
    waiting_.emplace(id, std::move(on_answer));
  }
  post(make(id));
  return id;
}

void Runner::forget(RequestId id) {
  {
    const std::lock_guard lock(answers_mutex_);
    waiting_.erase(id);
  }
  post(RequestClosed{id});
}

void Runner::post(Event event) {
  {
    const std::lock_guard lock(inbox_mutex_);
    if (inbox_.size() < kMaxInbox || !is_request(event)) {
      const bool may_gather = may_wait(event) && inbox_.size() + 1 < kGatherAtMost;
      inbox_.push_back(std::move(event));
      const bool hurried = !may_gather && !std::exchange(hurry_, true);
      if (hurried || inbox_.size() == 1) inbox_wake_.notify_one();
      return;
    }
  }
  const RequestId id = std::visit(
      [](const auto& one) -> RequestId {
        if constexpr (requires { one.id; }) return one.id;
        return 0;
      },
      event);
  answer({Reply{id, exhausted("inbox_full", "the controller is busy: try again in a second")}});
}

std::shared_ptr<const World> Runner::world() const {
  const std::lock_guard lock(world_mutex_);
  return world_;
}

void Runner::run() {
  std::vector<Event> events;
  std::size_t changes = 0;                                // since memory was last given back
  Time changed_at{};                                      // the last of them
  std::optional<Time> wake_at = wire::read_clock().boot;  // the first turn waits for nobody: it is what makes us ready
  while (true) {
    {
      std::unique_lock lock(inbox_mutex_);
      const Time now = wire::read_clock().boot;
      const Duration wait = wake_at ? std::clamp(*wake_at - now, Duration::zero(), kLongestWait) : kLongestWait;
      inbox_wake_.wait_for(lock, wait, [this] { return !inbox_.empty() || ending_; });
      if (!inbox_.empty()) inbox_wake_.wait_for(lock, kGather, [this] { return hurry_ || ending_; });
      if (ending_) return;
      hurry_ = false;
      events.swap(inbox_);
    }
    const Now begun = wire::read_clock();
    Effects effects = loop_.turn(begun, events);
    wake_at = effects.wake_at;
    if (const std::size_t published = published_changes(effects); published > 0) {
      changes += published;
      changed_at = begun.boot;
    }
    const bool at_rest = begun.boot - changed_at >= kRest;
    const bool release = changes >= (at_rest ? kReleaseAtRestAfter : kReleaseAfter) && !begin_commit(effects);
    carry_out(std::move(effects));
    if (release) {
      changes = 0;
      release_memory();
    }
    sinks_.turned(wire::read_clock().boot - begun.boot, events.size());
    // A burst leaves no room behind that nothing else can have.
    if (events.capacity() > kGatherAtMost)
      std::vector<Event>().swap(events);
    else
      events.clear();
    turning_ = true;
  }
}

void Runner::carry_out(Effects effects) {
  std::vector<Reply> replies;
  for (Effect& effect : effects.list) {
    if (auto* const reply = std::get_if<Reply>(&effect)) {
      replies.push_back(std::move(*reply));
    } else if (const auto* const commit = std::get_if<BeginCommit>(&effect)) {
      committer_.begin_commit(commit->record, commit->after);
    } else if (std::holds_alternative<ReopenStore>(effect)) {
      wire::log(wire::LogLevel::kWarning, "store", "the outcome of a commit is unknown: opening the store anew");
      committer_.reopen();
    } else if (const auto* const publish = std::get_if<PublishWorld>(&effect)) {
      {
        const std::lock_guard lock(world_mutex_);
        world_ = publish->world;
      }
      sinks_.published(*publish);
    } else if (const auto* const expect = std::get_if<ExpectLog>(&effect)) {
      sinks_.expect_log(*expect);
    } else if (const auto* const give_up = std::get_if<GiveUpLog>(&effect)) {
      sinks_.give_up_log(*give_up);
    } else if (const auto* const end = std::get_if<EndLogs>(&effect)) {
      sinks_.end_logs(*end);
    } else if (const auto* const begin_build = std::get_if<BeginBuild>(&effect)) {
      sinks_.begin_build(*begin_build);
    } else if (const auto* const end_build = std::get_if<EndBuild>(&effect)) {
      sinks_.end_build(*end_build);
    }
  }
  answer(std::move(replies));
}

void Runner::answer(std::vector<Reply> replies) {
  const std::lock_guard lock(answers_mutex_);
  const bool were_ready = !ready_.empty();
  for (Reply& reply : replies) {
    auto waiting = waiting_.extract(reply.id);
    if (!waiting.empty()) ready_.emplace_back(std::move(waiting.mapped()), std::move(reply.answer));
  }
  if (!were_ready && !ready_.empty()) answers_wake_.notify_one();
}

// Once the answers that are ready have gone.
void Runner::release_memory() {
  {
    const std::lock_guard lock(answers_mutex_);
    release_due_ = true;
  }
  answers_wake_.notify_one();
}

void Runner::answer_all() {
  while (true) {
    std::vector<std::pair<OnAnswer, Answer>> ready;
    bool release = false;
    {
      std::unique_lock lock(answers_mutex_);
      answers_wake_.wait(lock, [this] { return !ready_.empty() || release_due_ || answers_ending_; });
      if (ready_.empty() && !release_due_) return;
      ready.swap(ready_);
      release = ready.empty() && std::exchange(release_due_, false);
    }
    for (auto& [on_answer, answer] : ready) on_answer(std::move(answer));
    if (release) ::malloc_trim(0);
  }
}

}  // namespace unik::controller
