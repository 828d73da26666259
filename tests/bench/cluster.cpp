#include "cluster.hpp"

#include <utility>

namespace unik::bench {

Result<Cluster> start_cluster(const std::filesystem::path& bin, const std::filesystem::path& home, std::size_t nodes) {
  std::filesystem::create_directories(home);
  const std::string address = "127.0.0.1:" + std::to_string(free_port());
  Result<Daemon> controller = start_controller(bin, home, {"--listen", address});
  if (!controller) return controller.error();
  const wire::Endpoint endpoint = socket_of(home);
  if (Result<void> ready = wait_ready(endpoint); !ready) return ready.error();
  const Result<wire::Endpoint> tcp = wire::parse_endpoint("http://" + address);
  if (!tcp) return tcp.error();
  Result<Fleet> fleet = Fleet::start(*tcp, nodes);
  if (!fleet) return fleet.error();
  Result<std::string> digest = upload_image(endpoint);
  if (!digest) return digest.error();
  if (Result<void> settled = fleet->settle(0); !settled) return settled.error();
  return Cluster{std::move(*controller), std::move(*fleet), endpoint, std::move(*digest)};
}

}  // namespace unik::bench
