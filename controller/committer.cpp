#include "controller/committer.hpp"

#include <algorithm>
#include <utility>

#include "wire/log.hpp"

namespace unik::controller {
namespace {

constexpr std::chrono::milliseconds kReopenPause(500);

// Between two steps of one compaction, so that few commits meet one; between two looks at whether there is one to do.
constexpr std::chrono::milliseconds kStepPause(10);
constexpr std::chrono::seconds kCompactionLook(30);

LostRecords accepted_by(Store& store) {
  const Result<World> world = store.load();
  return world && world->history_lost ? LostRecords::kAccept : LostRecords::kRefuse;
}

}  // namespace

Committer::Committer(std::string path, Store store, CommitterOptions options, std::function<void(Event)> post)
    : path_(std::move(path)),
      lost_(accepted_by(store)),
      options_(std::move(options)),
      started_(options_.clock()),
      store_(std::move(store)),
      post_(std::move(post)),
      thread_([this] { run(); }) {}

Committer::~Committer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Committer::begin_commit(std::shared_ptr<const Record> record, std::shared_ptr<const World> after) {
  {
    const std::lock_guard lock(mutex_);
    next_ = Work{std::move(record), std::move(after)};
  }
  wake_.notify_one();
}

void Committer::reopen() {
  {
    const std::lock_guard lock(mutex_);
    reopen_asked_ = true;
  }
  wake_.notify_one();
}

void Committer::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const Duration pause = std::max(compact_at_ - options_.clock().boot, Duration::zero());
    wake_.wait_for(lock, pause, [this] { return next_ || reopen_asked_ || ending_; });
    if (std::optional<Work> work = std::exchange(next_, std::nullopt)) {
      lock.unlock();
      commit(*std::move(work));
      lock.lock();
    } else if (std::exchange(reopen_asked_, false)) {
      lock.unlock();
      reopen_store();
      lock.lock();
    } else if (ending_) {
      return;
    }
    if (options_.clock().boot < compact_at_) continue;
    lock.unlock();
    compact();
    lock.lock();
  }
}

void Committer::compact() {
  const Now now = options_.clock();
  compact_at_ = now.boot + kCompactionLook;
  if (!store_) return;
  // A wall clock that is set forward must not make yesterday's records old: what counts is how long we have run.
  const Result<bool> more = store_->compact(options_.keep, started_.wall + (now.boot - started_.boot));
  if (!more)
    return wire::log(wire::LogLevel::kWarning, "store", "compaction is tried again: " + to_string(more.error()));
  if (*more) compact_at_ = now.boot + kStepPause;
}

void Committer::commit(Work work) {
  const std::uint64_t seq = work.record->seq;
  if (!store_) return post_(Rejected{seq, unavailable("store_closed", "the store could not be opened again")});
  CommitResult result = store_->commit(*work.record);
  if (result.outcome == CommitOutcome::kCommitted && work.after != nullptr) store_->share(*work.after);
  work = {};  // a large record is not held while its answer is told
  switch (result.outcome) {
    case CommitOutcome::kCommitted:
      return post_(Committed{seq});
    case CommitOutcome::kRejected:
      return post_(Rejected{seq, std::move(result.error)});
    case CommitOutcome::kUnknown:
      return post_(CommitUnknown{seq, std::move(result.error)});
  }
}

void Committer::reopen_store() {
  store_.reset();
  Result<Store> opened = Store::open(path_, options_.vfs, lost_);
  if (opened) {
    store_.emplace(std::move(opened).value());
    return post_(StoreReopened{store_->head()});
  }
  {
    // What keeps it closed (a full disk, a device that is away) needs time to pass; a stop does not wait for it.
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, kReopenPause, [this] { return ending_; });
  }
  post_(StoreStillClosed{std::move(opened).error()});
}

}  // namespace unik::controller
