#include "agent/loop.hpp"

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <utility>

#include "agent/core/controller_talk.hpp"
#include "agent/core/goals.hpp"
#include "agent/core/happenings.hpp"
#include "agent/core/join.hpp"
#include "agent/core/node_state.hpp"
#include "agent/core/settle.hpp"

namespace unik::agent {
namespace {

constexpr std::size_t kMostStreams = 1000;  // log streams remembered as begun

}  // namespace

// The story: events change what is known (`take`) and touch the instances that they are about; what was touched, or is
// due, is planned and moved (`settle`); then whatever that left to say goes out, each to its port.
class Loop::State {
 public:
  explicit State(LoopOptions options) : options_(std::move(options)), node_(options_.node), talk_(options_.node) {}

  Effects turn(Now now, std::span<const Event> events) {
    node_.now = now;
    for (const Event& event : events)
      if (hears(event)) std::visit([this](const auto& known) { take(known); }, event);
    if (!begun_ || closed_) return {};
    touch_due(node_);
    settle_touched(node_);
    publish();
    fetch();
    save();
    closing_ ? close() : talk();
    return finish();
  }

  ReportBody report_body() const;
  std::size_t count_unsettled(Time now) const { return agent::count_unsettled(node_, now); }

 private:
  // Nothing is done before the Inventory has come, nor after the process was asked to end.
  bool hears(const Event& event) const { return !closed_ && (begun_ || std::holds_alternative<Inventory>(event)); }

  void take(const Inventory& inventory);
  void take(const RecordSaved& saved);
  void take(const RecordFailed& failed);
  void take(const Registered& registered);
  void take(const HeartbeatAnswered& answered);
  void take(const LinkFailed& failed);
  void take(const Published& published);
  void take(const Measured& measured);
  void take(const ShutdownAsked&) { closing_ = true; }
  template <typename Happening>
  void take(const Happening& happening) {
    agent::take(node_, happening);
  }

  // What the write in flight will have stored beside what is known.
  struct Saving {
    std::optional<Goals> goals;
    std::map<InstanceId, std::string> addresses;  // of the instances that these goals add
    std::vector<InstanceId> kept_boots;           // of whom these goals wanted another BootSpec
  };
  void hear(const ControllerTalk::Confirmed& confirmed);
  void be_refused_the_name();
  void consider(const Goals& offered);
  void activate(const Saving& stored);
  void push_log(const LogRequest& request);
  void refuse_boot(const InstanceId& id);
  void ask_images();

  void publish();
  void fetch();
  void save();
  void talk();
  void heartbeat();
  void close();
  Effects finish();

  NodeRecord compose_record(const Saving& saving) const;

  LoopOptions options_;
  bool begun_ = false;
  bool closing_ = false;
  bool closed_ = false;
  NodeState node_;
  ControllerTalk talk_;

  std::uint64_t agent_start_ = 0;
  std::uint64_t start_version_ = 0;  // of the record that holds it
  bool said_refused_ = false;        // why this one is not registered, since it was last
  std::optional<Time> refused_;      // since when another agent has this node's name
  Goals goals_;                      // stored, and acted on
  std::optional<Goals> offered_;     // newer ones that are not stored yet
  std::vector<PortRecord> ports_;

  Saving saving_;

  std::set<std::string> streams_;
  std::deque<std::string> stream_order_;

  std::vector<ObservedPublication> publications_;
  Resources used_;
  std::optional<std::uint64_t> digest_;  // of the body as last sent, unless it has changed since
};

Loop::Loop(LoopOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Loop::~Loop() = default;
Effects Loop::turn(Now now, std::span<const Event> events) {
  return state_->turn(now, events);
}
ReportBody Loop::report_body() const {
  return state_->report_body();
}
std::size_t Loop::count_unsettled(Time now) const {
  return state_->count_unsettled(now);
}

// ---- Events ---------------------------------------------------------------------------------------------------------

void Loop::State::take(const Inventory& inventory) {
  if (begun_) return;
  begun_ = true;
  node_.contact.heard = node_.now.boot;
  agent_start_ = std::max(inventory.record.agent_start + 1, options_.wall_start_us);
  goals_ = inventory.record.goals;
  ports_ = inventory.record.ports;
  node_.instances = join(inventory, node_.now.boot);
  assign_addresses(node_.instances, {}, goals_.stamp.cluster_id);
  start_version_ = node_.keeper.mark();
  for (auto& [id, instance] : node_.instances) {
    node_.touch(id);
    if (instance.vm.state == VmState::kRunning) node_.table.assume_listed(id);
    const auto recorded = inventory.record.instances.find(id);
    const bool as_recorded = recorded != inventory.record.instances.end() && recorded->second == instance.record;
    if (!as_recorded) instance.stored_with = start_version_;
  }
  for (const std::string& image : inventory.images) node_.images.set_ready(image);
  ask_images();
}

void Loop::State::take(const RecordSaved& saved) {
  if (!node_.keeper.saved(saved.version)) return;
  node_.touch_all(std::exchange(node_.awaiting_record, {}));
  const Saving stored = std::exchange(saving_, {});
  if (stored.goals) activate(stored);
  if (node_.keeper.saved_version() >= start_version_) talk_.open(node_.now.boot);
}

void Loop::State::take(const RecordFailed& failed) {
  if (!node_.keeper.failed(failed.version, node_.now.boot)) return;
  saving_ = {};
  node_.note("the record could not be saved and is tried again: " + to_string(failed.error));
  node_.touch_all(node_.awaiting_record);
  for (const InstanceId& id : std::exchange(node_.awaiting_record, {}))
    if (Instance* instance = node_.find(id)) instance->recent_problem = "the node's record: " + failed.error.message;
}

void Loop::State::take(const Registered& registered) {
  refused_.reset();
  if (const std::uint64_t newer = registered.reply.newer_start; newer > 0) {
    if (!std::exchange(said_refused_, true))
      node_.note(
          "the controller knows a later start of this node's agent: the record is old, or another agent has its name");
    if (!talk_.begin_again(registered.reply.newer_is_silent, node_.now.boot)) return;
    agent_start_ = std::max(agent_start_, newer) + 1;
    start_version_ = node_.keeper.mark();
    return;
  }
  said_refused_ = false;
  const std::string& cluster = goals_.stamp.cluster_id;
  if (!cluster.empty() && cluster != registered.reply.cluster_id)
    node_.note("registered with cluster " + registered.reply.cluster_id + ", but the goals are of " + cluster +
               ": what it wants is refused");
  talk_.registered(registered.reply, node_.now.boot);
}

void Loop::State::take(const HeartbeatAnswered& answered) {
  if (const auto confirmed = talk_.answered(answered.seq, answered.reply, node_.now.boot)) hear(*confirmed);
  if (answered.reply.goals) consider(*answered.reply.goals);
  for (const LogRequest& request : answered.reply.logs) push_log(request);
}

// The instances that wait for the controller's word are looked at again; those that run will see the later time.
void Loop::State::hear(const ControllerTalk::Confirmed& confirmed) {
  Contact& contact = node_.contact;
  contact.heard = std::max(contact.heard, confirmed.heard);
  const bool is_first = !contact.renewed;
  const bool renewed = confirmed.renewed && (is_first || *contact.renewed < *confirmed.renewed);
  if (renewed) contact.renewed = confirmed.renewed;
  if (confirmed.renewed) contact.name_lost.reset();  // the name is this one's, and so are the goals
  bool any_strict = false;
  for (const auto& [id, instance] : node_.instances) {
    any_strict |= is_strict(instance.goal.boot);
    const bool waits = instance.want == Want::kRunning && instance.vm.state == VmState::kNone;
    // After a restart of the agent nobody has set a timer yet for the end of what was adopted.
    const bool unwatched = renewed && is_first && is_strict(instance.goal.boot);
    if (waits || unwatched) node_.touch(id);
  }
  if (renewed && any_strict) node_.emit(KeepLease{*confirmed.renewed});
}

void Loop::State::take(const LinkFailed& failed) {
  if (failed.error.reason == "stale_report" && talk_.begin_anew(failed.seq)) {
    node_.note("the controller has newer reports of this very start: beginning again under the next");
    ++agent_start_;
    start_version_ = node_.keeper.mark();
    return;
  }
  if (failed.error.reason == "superseded_agent") {
    node_.note("another agent has registered as " + options_.node + ": this one stands aside while that one reports");
    return talk_.superseded(node_.now.boot);
  }
  const bool is_refusal = failed.error.code == ErrorCode::kInvalid || failed.error.code == ErrorCode::kConflict;
  if (failed.seq == 0 && is_refusal && !std::exchange(said_refused_, true)) {
    std::string why = failed.error.message;
    for (const Fault& fault : failed.error.details) why += "; " + to_string(fault);
    node_.note("not registered, and asking again: " + why);
  }
  if (failed.error.reason == "node_name_taken") return be_refused_the_name();
  talk_.failed(failed.seq, node_.now.boot);
}

// The other one runs what is placed on the node, and nobody will ever ask this one to stop it.
void Loop::State::be_refused_the_name() {
  const Time now = node_.now.boot;
  talk_.refused(now);
  if (!refused_) refused_ = now;
  if (node_.contact.name_lost || now < *refused_ + kNameLost || node_.instances.empty()) return;
  node_.contact.name_lost = now;
  node_.note("another agent has had this node's name for " + format_duration(kNameLost) +
             ": what runs here is stopped, since that one runs it");
  for (const auto& [id, instance] : node_.instances) node_.touch(id);
}

void Loop::State::take(const Published& published) {
  const ForwarderTable::Acknowledged result = node_.table.acknowledged(published, node_.now.boot);
  node_.touch_all(result.left);
  if (!result.quiet.empty())
    for (const auto& [id, instance] : node_.instances)
      if (result.quiet.contains(instance.record.address)) node_.touch(id);
  if (!result.newest) return;
  if (publications_ != published.publications) node_.body_changed = true;
  publications_ = published.publications;
  std::vector<PortRecord> ports = remember_ports(ports_, node_.table.sent_routes(), publications_);
  if (ports != ports_) node_.keeper.mark();
  ports_ = std::move(ports);
}

void Loop::State::take(const Measured& measured) {
  if (used_ == measured.used) return;
  used_ = measured.used;
  digest_.reset();  // told with the next heartbeat, which it does not hurry
}

// ---- Goals ----------------------------------------------------------------------------------------------------------

void Loop::State::consider(const Goals& offered) {
  const Goals& held = offered_ ? *offered_ : goals_;
  const GoalsVerdict verdict = judge(held.stamp, offered.stamp);
  // The same goals under a newer stamp are no news.
  const bool same = verdict == GoalsVerdict::kTake && !held.stamp.cluster_id.empty() && held.actions == offered.actions;
  if (verdict != GoalsVerdict::kKnown && !same)
    node_.note("goals " + to_string(offered.stamp) + ": " + std::string(to_string(verdict)),
               traces_between(held, offered));
  if (verdict != GoalsVerdict::kTake) return;
  offered_ = offered;
  node_.keeper.mark();
}

// The goals are stored: from here on they are what the node is made equal to.
void Loop::State::activate(const Saving& stored) {
  goals_ = *stored.goals;
  if (offered_ && offered_->stamp == goals_.stamp) offered_.reset();
  const std::set<InstanceId> changed = apply_goals(goals_, node_.instances, node_.now.boot);
  for (const auto& [id, address] : stored.addresses)
    if (Instance* instance = node_.find(id); instance != nullptr && instance->record.address.empty())
      instance->record.address = address;
  for (const InstanceId& id : stored.kept_boots) refuse_boot(id);
  std::vector<Instance*> homeless;  // forgotten while their new goals were being stored
  for (const InstanceId& id : changed)
    if (Instance& instance = node_.instances.at(id); instance.want == Want::kRunning && instance.record.address.empty())
      homeless.push_back(&instance);
  if (!homeless.empty()) assign_addresses(node_.instances, {}, goals_.stamp.cluster_id);
  for (Instance* instance : homeless) instance->stored_with = node_.keeper.mark();
  ask_images();
  node_.table.mark();
  talk_.hurry();
  node_.touch_all(changed);
}

void Loop::State::refuse_boot(const InstanceId& id) {
  Instance* instance = node_.find(id);
  if (instance == nullptr) return;
  instance->goal_problem = "its goal wants another boot spec under the same id: refused, it keeps its first";
  node_.note(*instance, instance->goal_problem);
  node_.touch(id);
}

// Those that are wanted for their own sake; an instance asks for its image when it needs it.
void Loop::State::ask_images() {
  for (const Action& action : goals_.actions)
    if (const auto* goal = std::get_if<EnsureImage>(&action))
      node_.images.ask(WantedImage{goal->image, {}}, std::nullopt, node_.now.boot);
  node_.images.keep_only(images_of(goals_));
}

void Loop::State::push_log(const LogRequest& request) {
  if (!streams_.insert(request.stream_id).second) return;
  stream_order_.push_back(request.stream_id);
  if (stream_order_.size() > kMostStreams) {
    streams_.erase(stream_order_.front());
    stream_order_.pop_front();
  }
  node_.emit(PushLog{request});
}

// ---- What goes out --------------------------------------------------------------------------------------------------

void Loop::State::publish() {
  if (!node_.table.is_due(node_.now.boot)) return;
  std::vector<Route> routes = compose_routes(node_.instances, ports_);
  const std::optional<std::uint64_t> version = node_.table.send(routes, node_.now.boot);
  if (version) node_.emit(Publish{*version, std::move(routes)});
}

void Loop::State::fetch() {
  std::vector<WantedImage> due = node_.images.take_due(node_.now.boot);
  if (due.empty()) return;
  const std::set<std::string> needed = image_names(goals_);
  for (WantedImage& wanted : due) node_.emit(FetchImage{std::move(wanted), needed});
}

void Loop::State::save() {
  if (!node_.keeper.is_due(node_.now.boot) && !(closing_ && node_.keeper.is_dirty())) return;
  saving_ = {};
  if (offered_) {
    saving_.goals = offered_;
    saving_.kept_boots = keep_boots(goals_, *saving_.goals);
    saving_.addresses = assign_addresses(node_.instances, *saving_.goals, saving_.goals->stamp.cluster_id);
  }
  NodeRecord record = compose_record(saving_);
  node_.emit(SaveRecord{node_.keeper.begin(), std::move(record)});
}

void Loop::State::talk() {
  if (node_.body_changed) talk_.hurry();
  talk_.expire(node_.now.boot);
  if (talk_.is_register_due(node_.now.boot)) {
    talk_.register_sent(node_.now.boot);
    node_.emit(SendRegister{agent_start_});
  }
  if (talk_.is_heartbeat_due(node_.now.boot)) heartbeat();
}

void Loop::State::heartbeat() {
  std::optional<ReportBody> body;
  if (std::exchange(node_.body_changed, false) || !digest_) body = report_body();
  if (body) digest_ = options_.digest(*body);
  const ControllerTalk::Heartbeat beat = talk_.heartbeat_sent(*digest_, node_.now.boot);
  Report report;
  report.node = options_.node;
  report.boot_id = options_.boot_id;
  report.agent_start = agent_start_;
  report.seq = beat.seq;
  report.accepted_stamp = goals_.stamp;
  report.digest = *digest_;
  if (beat.whole) report.body = body ? std::move(*body) : report_body();
  node_.emit(SendHeartbeat{std::move(report)});
}

// The last words: how things stand, whatever else is parked.
void Loop::State::close() {
  if (talk_.is_registered()) heartbeat();
  closed_ = true;
}

Effects Loop::State::finish() {
  node_.out.wake_at = earlier(earlier(node_.timers.earliest(), node_.images.wake_at()),
                              earlier(earlier(node_.keeper.wake_at(), node_.table.wake_at()), talk_.wake_at()));
  if (closed_) node_.out.wake_at.reset();
  return std::exchange(node_.out, {});
}

// ---- Small answers --------------------------------------------------------------------------------------------------

ReportBody Loop::State::report_body() const {
  ReportBody body;
  for (const auto& [id, instance] : node_.instances)
    if (instance.reported) body.instances.push_back({id, instance.status});
  body.publications = publications_;
  body.used = used_;
  return body;
}

NodeRecord Loop::State::compose_record(const Saving& saving) const {
  NodeRecord record;
  record.agent_start = agent_start_;
  record.goals = saving.goals.value_or(goals_);
  record.ports = ports_;
  for (const auto& [id, instance] : node_.instances) {
    const bool is_absent = instance.want == Want::kAbsent && instance.vm.state == VmState::kNone;
    if (!is_absent) record.instances.emplace(id, instance.record);
  }
  for (const auto& [id, address] : saving.addresses) record.instances[id].address = address;
  return record;
}

}  // namespace unik::agent
