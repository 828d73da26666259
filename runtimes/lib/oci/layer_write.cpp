// The writing half of layer.hpp: a tar of our own, so that its bytes depend on nothing but the tree.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "runtimes/lib/oci/durable_file.hpp"
#include "runtimes/lib/oci/layer.hpp"

namespace unik::runtimes {
namespace {

using ByteSink = std::function<Result<void>(std::string_view)>;

constexpr std::size_t kTarBlock = 512;
constexpr std::int64_t kMaxOctalSize = 077777777777;  // what eleven octal digits hold
constexpr int kGzipLevel = 6;
constexpr std::size_t kGzipChunk = 64 << 10;
constexpr std::array<char, kTarBlock> kZeros{};

struct TarHeader {
  char name[100];
  char mode[8];
  char uid[8];
  char gid[8];
  char size[12];
  char mtime[12];
  char checksum[8];
  char type;
  char link[100];
  char magic[8];
  char user[32];
  char group[32];
  char device_major[8];
  char device_minor[8];
  char prefix[155];
  char rest[12];
};
static_assert(sizeof(TarHeader) == kTarBlock);

template <std::size_t N>
void put_octal(char (&field)[N], std::uint64_t value) {
  for (std::size_t i = N - 1; i-- > 0; value >>= 3) field[i] = static_cast<char>('0' + (value & 7));
  field[N - 1] = '\0';
}

template <std::size_t N>
bool fits_octal(const char (&)[N], std::uint64_t value) {
  return value >> (3 * (N - 1)) == 0;
}

template <std::size_t N>
bool put_text(char (&field)[N], std::string_view text) {
  if (text.size() > N) return false;
  std::memcpy(field, text.data(), text.size());
  return true;
}

// `prefix` and `name` are joined by a slash; false when no slash divides the path well.
bool put_path(TarHeader& header, std::string_view path) {
  if (put_text(header.name, path)) return true;
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    if (slash <= sizeof header.prefix && path.size() - slash - 1 <= sizeof header.name && slash + 1 < path.size())
      return put_text(header.prefix, path.substr(0, slash)) && put_text(header.name, path.substr(slash + 1));
  return false;
}

// `LENGTH KEY=VALUE\n`, where LENGTH counts itself.
std::string pax_record(std::string_view key, std::string_view value) {
  const std::size_t body = key.size() + value.size() + 3;
  std::size_t length = body + std::to_string(body).size();
  if (std::to_string(length).size() != std::to_string(body).size()) length = body + std::to_string(length).size();
  return std::to_string(length) + " " + std::string(key) + "=" + std::string(value) + "\n";
}

std::string_view bytes_of(TarHeader& header) {
  std::memcpy(header.magic, "ustar\00000", 8);
  std::memset(header.checksum, ' ', sizeof header.checksum);
  unsigned sum = 0;
  const auto* raw = reinterpret_cast<const unsigned char*>(&header);
  for (std::size_t i = 0; i < kTarBlock; ++i) sum += raw[i];
  std::array<char, 7> digits{};
  for (std::size_t i = 6; i-- > 0; sum >>= 3) digits[i] = static_cast<char>('0' + (sum & 7));
  std::memcpy(header.checksum, digits.data(), digits.size());
  return {reinterpret_cast<const char*>(&header), kTarBlock};
}

Result<void> pad(std::int64_t size, const ByteSink& sink) {
  const auto over = static_cast<std::size_t>(size) % kTarBlock;
  return over == 0 ? Result<void>() : sink({kZeros.data(), kTarBlock - over});
}

Result<void> write_entry(const std::string& path, const FileNode& node, const ByteSink& sink) {
  const bool directory = node.type == NodeType::kDirectory;
  const std::string name = directory ? path + "/" : path;
  const std::int64_t size = node.type == NodeType::kFile ? node.size : 0;
  TarHeader header{};
  std::string extra;  // pax records in alphabetical order
  put_octal(header.mode, node.mode & 07777);
  put_octal(header.mtime, static_cast<std::uint64_t>(std::clamp<std::int64_t>(node.mtime, 0, kMaxOctalSize)));
  if (fits_octal(header.gid, node.gid))
    put_octal(header.gid, node.gid);
  else
    extra += pax_record("gid", std::to_string(node.gid));
  if (!put_text(header.link, node.link)) {
    extra += pax_record("linkpath", node.link);
    put_text(header.link, std::string_view(node.link).substr(0, sizeof header.link));  // libarchive wants one here too
  }
  if (!put_path(header, name)) {
    extra += pax_record("path", name);
    put_text(header.name, std::string_view(name).substr(0, sizeof header.name));
  }
  if (size <= kMaxOctalSize)
    put_octal(header.size, static_cast<std::uint64_t>(size));
  else
    extra += pax_record("size", std::to_string(size));
  if (fits_octal(header.uid, node.uid))
    put_octal(header.uid, node.uid);
  else
    extra += pax_record("uid", std::to_string(node.uid));
  header.type = directory ? '5' : node.type == NodeType::kSymlink ? '2' : '0';
  if (!extra.empty()) {
    TarHeader pax{};
    put_text(pax.name, "pax");
    put_octal(pax.mode, 0644);
    put_octal(pax.uid, 0);
    put_octal(pax.gid, 0);
    put_octal(pax.size, extra.size());
    put_octal(pax.mtime, static_cast<std::uint64_t>(kSourceDateEpoch));
    pax.type = 'x';
    if (auto put = sink(bytes_of(pax)); !put) return put;
    if (auto put = sink(extra); !put) return put;
    if (auto put = pad(static_cast<std::int64_t>(extra.size()), sink); !put) return put;
  }
  if (auto put = sink(bytes_of(header)); !put) return put;
  if (node.type != NodeType::kFile) return {};
  if (auto put = read_content(node, sink); !put) return put;
  return pad(size, sink);
}

Result<void> write_tar(const FileTree& tree, const ByteSink& sink) {
  for (const auto& [path, node] : tree)
    if (auto put = write_entry(path, node, sink); !put) return put;
  const std::string end(2 * kTarBlock, '\0');
  return sink(end);
}

class Gzip {
 public:
  explicit Gzip(const ByteSink& sink) : sink_(sink) {
    // No name, no time, and zlib's own constant for the system: a fixed header.
    UNIK_CHECK(deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK,
               "zlib did not start");
    gz_header_.os = 255;
    UNIK_CHECK(deflateSetHeader(&stream_, &gz_header_) == Z_OK, "zlib refused the header");
  }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  ~Gzip() { deflateEnd(&stream_); }

  Result<void> write(std::string_view bytes, int flush = Z_NO_FLUSH) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      const int code = deflate(&stream_, flush);
      UNIK_CHECK(code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR, "zlib lost its state");
      if (auto put = sink_({out_.data(), out_.size() - stream_.avail_out}); !put) return put;
    } while (stream_.avail_out == 0);
    return {};
  }
  Result<void> finish() { return write({}, Z_FINISH); }

 private:
  const ByteSink& sink_;
  z_stream stream_{};
  gz_header gz_header_{};
  std::array<char, kGzipChunk> out_{};
};

LayerBlob describe(const BlobInfo& blob, const Digest& diff_id, std::string_view name, bool reused) {
  LayerBlob layer;
  layer.descriptor.media_type = std::string(kLayerGzipMediaType);
  layer.descriptor.digest = blob.digest;
  layer.descriptor.size = blob.size;
  layer.descriptor.annotations[std::string(kLayerAnnotation)] = std::string(name);
  layer.diff_id = diff_id;
  layer.reused = reused;
  return layer;
}

}  // namespace

Result<LayerBlob> put_layer(const BlobStore& store, const FileTree& tree, std::string_view name) {
  Sha256 first;
  const ByteSink hash_only = [&](std::string_view bytes) -> Result<void> {
    first.update(bytes);
    return {};
  };
  if (auto hashed = write_tar(tree, hash_only); !hashed) return std::move(hashed).error();
  const Digest diff_id = first.finish();

  // A note that is damaged or whose blob has gone is as good as none, and so is a blob that is damaged.
  const std::filesystem::path note = store.dir() / "layers" / to_hex(diff_id);
  const auto text = read_file(note, kibibytes(1));
  if (const auto known = parse_digest(text ? *text : ""); known) {
    if (auto dropped = store.drop_damaged(*known); !dropped) return std::move(dropped).error();
    if (const auto size = store.size_of(*known); size) return describe({*known, *size}, diff_id, name, true);
  }

  auto out = store.writer();
  if (!out) return std::move(out).error();
  Sha256 second;
  const ByteSink to_blob = [&](std::string_view bytes) { return out->write(bytes); };
  Gzip gzip(to_blob);
  const ByteSink compress = [&](std::string_view bytes) {
    second.update(bytes);
    return gzip.write(bytes);
  };
  if (auto written = write_tar(tree, compress); !written) return std::move(written).error();
  if (auto ended = gzip.finish(); !ended) return std::move(ended).error();
  if (second.finish() != diff_id)
    return conflict("source_changed", "layer " + std::string(name) + ": a file changed while it was packed; try again");
  auto blob = out->finish();
  if (!blob) return std::move(blob).error();
  if (auto noted = replace_file(note, to_string(blob->digest)); !noted) return std::move(noted).error();
  return describe(*blob, diff_id, name, false);
}

Result<void> write_tar_gzip(const FileTree& tree, const std::function<Result<void>(std::string_view)>& take) {
  Gzip gzip(take);
  if (auto written = write_tar(tree, [&](std::string_view bytes) { return gzip.write(bytes); }); !written)
    return written;
  return gzip.finish();
}

}  // namespace unik::runtimes
