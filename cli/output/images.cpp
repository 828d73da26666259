#include "cli/output/images.hpp"

#include <fmt/format.h>

#include "cli/output/document.hpp"
#include "cli/output/table.hpp"
#include "codec/json_writer.hpp"

namespace unik::cli {
namespace {

using codec::JsonWriter;
using runtimes::Descriptor;
using runtimes::Digest;
using runtimes::ImageFacts;

constexpr std::size_t kHexShown = 12;

bool described(const ImageFacts& image) {
  return !image.manifest.layers.empty() || image.manifest.config.size > 0;
}

std::string run_state(const ImageFacts& image) {
  if (!image.missing.empty()) return "incomplete";
  return std::string(to_string(runs_as(image.manifest)));
}

std::string platform_of(const ImageFacts& image) {
  return described(image) ? image.config.os + "/" + image.config.architecture : "";
}

std::string base_of(const ImageFacts& image) {
  const auto digest =
      runtimes::parse_digest(runtimes::annotation(image.manifest.annotations, runtimes::kBaseAnnotation));
  return digest ? short_digest(*digest) : "";
}

void write_annotations(JsonWriter& out, const runtimes::Annotations& annotations) {
  out.key("annotations").begin_object();
  for (const auto& [key, value] : annotations) out.field(key, value);
  out.end_object();
}

void write_image(JsonWriter& out, const ImageFacts& image) {
  out.begin_object().field("name", image.image.name).field("digest", to_string(image.image.manifest.digest));
  out.field("runs_as", to_string(runs_as(image.manifest))).field("complete", image.missing.empty());
  out.field("size_bytes", image.size_bytes)
      .field("os", image.config.os)
      .field("architecture", image.config.architecture);
  out.key("config").begin_object().field("digest", to_string(image.manifest.config.digest));
  write_texts(out, "entrypoint", image.config.entrypoint);
  write_texts(out, "cmd", image.config.cmd);
  write_texts(out, "env", image.config.env);
  out.field("working_dir", image.config.working_dir).field("user", image.config.user);
  write_texts(out, "exposed_ports", image.config.exposed_ports);
  out.end_object();
  write_annotations(out, image.manifest.annotations);
  out.key("layers").begin_array();
  for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
    const Descriptor& layer = image.manifest.layers[i];
    out.begin_object().field("name", runtimes::annotation(layer.annotations, runtimes::kLayerAnnotation));
    out.field("digest", to_string(layer.digest)).field("size_bytes", layer.size).field("media_type", layer.media_type);
    if (i < image.config.diff_ids.size()) out.field("diff_id", to_string(image.config.diff_ids[i]));
    out.end_object();
  }
  out.end_array();
  if (!image.missing.empty()) {
    std::vector<std::string> missing;
    for (const Digest& digest : image.missing) missing.push_back(to_string(digest));
    write_texts(out, "missing", missing);
  }
  write_texts(out, "signed_by", image.signed_by);
  out.end_object();
}

std::string image_table(const std::vector<ImageFacts>& images, bool wide) {
  Table table{{"NAME", "DIGEST", "SIZE", "LAYERS", "RUNS AS"}, {}};
  if (wide) table.headings.insert(table.headings.end(), {"PLATFORM", "BASE"});
  for (const ImageFacts& image : images) {
    std::vector<Cell> row{image.image.name, short_digest(image.image.manifest.digest), format_size(image.size_bytes),
                          std::to_string(image.manifest.layers.size()), run_state(image)};
    if (wide) row.insert(row.end(), {Cell(platform_of(image)), Cell(base_of(image))});
    table.rows.push_back(std::move(row));
  }
  return render(table, false);
}

std::string image_sheet(const ImageFacts& image) {
  Sheet sheet;
  sheet.add("name", image.image.name);
  sheet.add("digest", to_string(image.image.manifest.digest));
  sheet.add("runs as", run_state(image));
  sheet.add("platform", platform_of(image));
  sheet.add("size", format_size(image.size_bytes));
  sheet.add("entry point", fmt::format("{}", fmt::join(image.config.entrypoint, " ")));
  sheet.add("command", fmt::format("{}", fmt::join(image.config.cmd, " ")));
  sheet.add("directory", image.config.working_dir);
  sheet.add("user", image.config.user);
  sheet.add("ports", fmt::format("{}", fmt::join(image.config.exposed_ports, " ")));
  for (const std::string& entry : image.config.env) sheet.add("env", entry);
  for (const auto& [key, value] : image.manifest.annotations) sheet.add("annotation", key + "=" + value);
  for (const Digest& digest : image.missing) sheet.add("missing", to_string(digest));
  for (const std::string& key : image.signed_by) sheet.add("signed by", "key " + key);
  Table layers{{"LAYER", "DIGEST", "SIZE"}, {}};
  for (const Descriptor& layer : image.manifest.layers)
    layers.rows.push_back({Cell(runtimes::annotation(layer.annotations, runtimes::kLayerAnnotation)),
                           Cell(to_string(layer.digest)), Cell(format_size(layer.size))});
  return sheet.text() + (layers.rows.empty() ? "" : "\n" + render(layers, false));
}

}  // namespace

std::string render_images(const std::vector<ImageFacts>& images, OutputFormat format) {
  std::string names;
  JsonWriter out;
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return image_table(images, format == OutputFormat::kWide);
    case OutputFormat::kName:
      for (const ImageFacts& image : images)
        names += (image.image.name.empty() ? to_string(image.image.manifest.digest) : image.image.name) + "\n";
      return names;
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  out.begin_object().key("items").begin_array();
  for (const ImageFacts& image : images) write_image(out, image);
  return document_in(format, out.end_array().end_object().take());
}

std::string render_image(const ImageFacts& image, OutputFormat format) {
  JsonWriter out;
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
      return image_sheet(image);
    case OutputFormat::kName:
      return render_images({image}, format);
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  write_image(out, image);
  return document_in(format, out.take());
}

std::string render_collected(const runtimes::BlobStore::Collected& collected, OutputFormat format) {
  JsonWriter out;
  switch (format) {
    case OutputFormat::kTable:
    case OutputFormat::kWide:
    case OutputFormat::kName:
      return fmt::format("removed {} {}, {}\n", collected.blobs, collected.blobs == 1 ? "blob" : "blobs",
                         format_size(collected.bytes));
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      break;
  }
  out.begin_object().field("removed_blobs", collected.blobs).field("removed_bytes", collected.bytes).end_object();
  return document_in(format, out.take());
}

std::string short_digest(const Digest& digest) {
  return to_hex(digest).substr(0, kHexShown);
}

std::string format_size(std::int64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (bytes < (1 << 20)) return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
  if (bytes < (1 << 30)) return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1 << 30));
}

}  // namespace unik::cli
