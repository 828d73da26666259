#include "app_documents.hpp"

namespace unik::bench {

std::string app_document(std::size_t index, std::string_view digest_hex, std::size_t tenants, std::size_t replicas) {
  const std::string n = std::to_string(index);
  std::string text = "---\napiVersion: unikctl.dev/v1\nkind: App\nmetadata:\n  name: app-" + n;
  if (tenants > 0) text += "\n  tenant: team-" + std::to_string(index % tenants);
  text += "\n  labels: {tier: front, zone: a}\nspec:\n  image: registry.local/app-" + n + "@sha256:";
  text += digest_hex;
  text += "\n  args: [\"--port\", \"8080\"]\n  env:\n    LOG_LEVEL: info\n    INDEX: \"" + n +
          "\"\n  replicas: " + std::to_string(replicas) +
          "\n  resources: {cpu: 500m, memory: 128Mi}\n  ports:\n    - {name: http, port: 8080}\n";
  return text;
}

}  // namespace unik::bench
