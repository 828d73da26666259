#include "runtimes/lib/packs/static_site.hpp"

#include <algorithm>
#include <vector>

#include "runtimes/lib/oci/durable_file.hpp"

namespace unik::runtimes {
namespace {

namespace fs = std::filesystem;

// Where builders leave their files, the most used first.
constexpr std::string_view kPlaces[] = {
    "dist", "build", "out", "_site", "public", ".vitepress/dist", "docs/.vitepress/dist"};

constexpr std::string_view kServer = R"js(// Serves the files of ./site.
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';

const root = await realpath(new URL('./site', import.meta.url).pathname);
const types = {
  '.html': 'text/html; charset=utf-8', '.css': 'text/css; charset=utf-8', '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8', '.json': 'application/json', '.map': 'application/json',
  '.txt': 'text/plain; charset=utf-8', '.xml': 'application/xml', '.svg': 'image/svg+xml', '.png': 'image/png',
  '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.gif': 'image/gif', '.webp': 'image/webp', '.avif': 'image/avif',
  '.ico': 'image/x-icon', '.woff': 'font/woff', '.woff2': 'font/woff2', '.ttf': 'font/ttf', '.otf': 'font/otf',
  '.wasm': 'application/wasm', '.pdf': 'application/pdf', '.mp4': 'video/mp4', '.webmanifest': 'application/manifest+json',
};

async function fileAt(path) {
  try {
    const real = await realpath(path);
    if (real !== root && !real.startsWith(root + sep)) return null;
    const seen = await stat(real);
    return seen.isFile() ? { path: real, size: seen.size } : null;
  } catch {
    return null;
  }
}

async function find(pathname) {
  const path = join(root, normalize('/' + pathname));
  return await fileAt(path) ?? await fileAt(join(path, 'index.html')) ?? await fileAt(path + '.html');
}

const server = createServer(async (request, response) => {
  if (request.method !== 'GET' && request.method !== 'HEAD') return response.writeHead(405, { Allow: 'GET, HEAD' }).end();
  let pathname;
  try {
    pathname = decodeURIComponent(request.url.split('?')[0]);
  } catch {
    return response.writeHead(400).end();
  }
  const found = await find(pathname);
  const file = found ?? await fileAt(join(root, '404.html'));
  if (!file) return response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found\n');
  const type = types[extname(file.path).toLowerCase()] ?? 'application/octet-stream';
  response.writeHead(found ? 200 : 404, { 'Content-Type': type, 'Content-Length': file.size });
  if (request.method === 'HEAD') return response.end();
  createReadStream(file.path).on('error', () => response.destroy()).pipe(response);
});
server.listen(Number(process.env.PORT ?? 8080), () => console.log('serving files on port', server.address().port));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => server.close(() => process.exit(0)));
)js";

bool has_index(const fs::path& directory) {
  std::error_code error;
  return fs::is_regular_file(directory / "index.html", error);
}

// `dist/NAME/browser`, as Angular lays it out: the only directory in another, some levels down.
std::optional<std::string> only_one_below(const fs::path& work, std::string place) {
  for (int level = 0; level < 3; ++level) {
    if (has_index(work / place)) return place;
    if (has_index(work / place / "browser")) return place + "/browser";
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(work / place, error), end; !error && entry != end; entry.increment(error))
      if (entry->is_directory(error)) names.push_back(entry->path().filename().string());
    if (names.size() != 1) return std::nullopt;
    place += "/" + names.front();
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_static_site(const PackContext& context) {
  for (const std::string_view place : kPlaces)
    if (auto found = only_one_below(context.places.work, std::string(place));
        found && !context.source.has(*found + "/index.html"))
      return found;
  return std::nullopt;
}

std::string static_site_places() {
  std::string text;
  for (const std::string_view place : kPlaces) text += (text.empty() ? "" : ", ") + std::string(place);
  return text;
}

Result<Launch> launch_static_site(const PackContext& context, const std::string& site) {
  std::error_code error;
  fs::rename(context.places.work / site, context.places.app / "site", error);
  if (error)
    return unavailable("store_failed", "moving " + (context.places.work / site).string() + ": " + error.message());
  if (auto written = replace_file(context.places.app / "serve.mjs", kServer); !written) return written.error();
  return Launch{context.places.app, {"node", "serve.mjs"}, {{"NODE_ENV", "production"}}};
}

}  // namespace unik::runtimes
