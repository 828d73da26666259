// Which images are ready to boot, which are being fetched, and who waits for them. An image that was found to be signed
// by one set of keys is another one than the same by another set, or by none.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/ports.hpp"

namespace unik::agent {

inline constexpr Duration kFetchBackoff = std::chrono::seconds(1);
inline constexpr Duration kFetchMaxBackoff = std::chrono::minutes(1);

class Images {
 public:
  bool is_ready(const WantedImage& wanted) const;

  // Of one that is asked for by no keys.
  void set_ready(const std::string& image);
  // What was ready may not be any more: it is fetched again, which costs nothing where it still is.
  void doubt(const std::string& image);

  // Asks for it, for an instance or (no waiter) because a goal wants it on the node.
  void ask(const WantedImage& wanted, const std::optional<InstanceId>& waiter, Time now);

  // Those to be fetched now; each is then in flight until `arrived` or `failed`.
  std::vector<WantedImage> take_due(Time now);

  // Who waited for it. One whose failure is retryable is fetched again, and they go on waiting.
  std::set<InstanceId> arrived(const WantedImage& wanted);
  std::set<InstanceId> failed(const WantedImage& wanted, const Error& error, Time now);

  // Forgets what no goal needs, so that this grows no larger than the goals.
  void keep_only(const std::set<WantedImage>& wanted);

  std::optional<Time> wake_at() const;

 private:
  struct Asked {
    std::set<InstanceId> waiters;
    bool in_flight = false;
    std::uint32_t failures = 0;
    Time fetch_at{};
  };

  std::set<WantedImage> ready_;
  std::map<WantedImage, Asked> asked_;
};

}  // namespace unik::agent
