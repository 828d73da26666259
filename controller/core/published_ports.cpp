#include "controller/core/published_ports.hpp"

#include <algorithm>

namespace unik::controller {
namespace {

const Port* find(const std::vector<Port>& ports, const auto& matches) {
  const auto found = std::ranges::find_if(ports, matches);
  return found == ports.end() ? nullptr : &*found;
}

// The only one of `ports` whose name and number none of `others` has.
const Port* only_new(const std::vector<Port>& ports, const std::vector<Port>& others) {
  const Port* only = nullptr;
  for (const Port& port : ports) {
    if (find(others, [&](const Port& other) { return other.name == port.name || other.port == port.port; })) continue;
    if (only != nullptr) return nullptr;
    only = &port;
  }
  return only;
}

template <typename Change>
void match(std::vector<Publication>& publications, const std::vector<Port>& declared, const BootSpec& boot,
           const Change& change) {
  if (declared == boot.ports) return;
  std::erase_if(publications, [&](Publication& publication) {
    const Port* const port = port_for(publication, declared, boot.ports);
    if (port != nullptr) change(publication, *port);
    return port == nullptr;
  });
}

}  // namespace

const Port* port_for(const Publication& publication, const std::vector<Port>& declared,
                     const std::vector<Port>& ports) {
  if (const Port* const port = find(ports, [&](const Port& each) { return each.name == publication.port_name; }))
    return port;
  // One that the app declares under its own name serves that one.
  const auto is_declared = [&](const Port& each) {
    return find(declared, [&](const Port& other) { return other.name == each.name; }) != nullptr;
  };
  if (const Port* const port =
          find(ports, [&](const Port& each) { return each.port == publication.port && !is_declared(each); }))
    return port;
  const Port* const added = only_new(declared, ports);
  return added != nullptr && added->name == publication.port_name ? only_new(ports, declared) : nullptr;
}

void aim(std::vector<Publication>& publications, const std::vector<Port>& declared, const BootSpec& boot) {
  match(publications, declared, boot, [](Publication& publication, const Port& port) { publication.port = port.port; });
}

void redeclare(std::vector<Publication>& publications, const std::vector<Port>& declared, const BootSpec& boot) {
  match(publications, declared, boot, [](Publication& publication, const Port& port) {
    publication.port = port.port;
    publication.port_name = port.name;
  });
  std::ranges::sort(publications, {}, &Publication::port_name);
}

}  // namespace unik::controller
