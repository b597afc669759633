#include "datasets/picture_set.h"

#include <algorithm>
#include <stdexcept>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/json.h"
#include "datasets/idx.h"

namespace automask::datasets {
namespace {

constexpr int schema_version = 1;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& problem) {
  throw core::Error(core::ExitCode::steps_failed, file.string(), problem, "delete its folder to have it made again");
}

// JSON numbers are doubles to many readers, and ids have 64 bits.
std::string hexadecimal(std::uint64_t id) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; id >>= 4) text[i] = "0123456789abcdef"[id & 15];
  return text;
}

std::uint64_t parse_id(const core::JsonCursor& cursor) {
  const std::string text = cursor.string();
  if (text.size() != 16 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    cursor.fail("must be 16 lower-case hexadecimal digits");
  return std::stoull(text, nullptr, 16);
}

}  // namespace

std::span<const std::uint8_t> PictureSet::pictures(std::size_t i, std::size_t count) const {
  const std::span<const std::uint8_t> all = mapping ? mapped : std::span<const std::uint8_t>(pixels);
  if (i > size() || count > size() - i || all.size() < (i + count) * picture_bytes())
    throw std::out_of_range("pictures " + std::to_string(i) + " and following of " + std::to_string(size()));
  return all.subspan(i * picture_bytes(), count * picture_bytes());
}

std::span<const std::uint8_t> PictureSet::picture(std::size_t i, std::vector<std::uint8_t>& memory) const {
  if (!reader) return picture(i);
  memory.resize(picture_bytes());
  reader->read(i, memory.data());
  return memory;
}

PictureSet subset(const PictureSet& set, const std::vector<std::uint32_t>& numbers) {
  PictureSet chosen{set.height, set.width, set.channels, {}, {}, {}, set.classes};
  chosen.pixels.reserve(numbers.size() * set.picture_bytes());
  std::vector<std::uint8_t> memory;
  for (const std::uint32_t number : numbers) {
    const auto picture = set.picture(number, memory);
    chosen.pixels.insert(chosen.pixels.end(), picture.begin(), picture.end());
    chosen.labels.push_back(set.labels[number]);
    if (!set.ids.empty()) chosen.ids.push_back(set.ids[number]);
  }
  return chosen;
}

PictureSet spread(const PictureSet& set, std::size_t count) {
  if (count >= set.size() && !set.reader) return set;
  count = std::min(count, set.size());
  std::vector<std::uint32_t> numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.push_back(static_cast<std::uint32_t>(i * set.size() / count));
  return subset(set, numbers);
}

std::vector<std::string> as_strings(const PictureSet& set) { return as_strings(set, 0, set.size()); }

std::vector<std::string> as_strings(const PictureSet& set, std::size_t first, std::size_t count) {
  std::vector<std::string> pictures;
  pictures.reserve(count);
  for (std::size_t i = first; i < first + count; ++i) {
    const auto picture = set.picture(i);
    pictures.emplace_back(reinterpret_cast<const char*>(picture.data()), picture.size());
  }
  return pictures;
}

void write_picture_set(const PictureSet& set, const std::filesystem::path& folder) {
  if (set.reader || (!set.mapping && set.pixels.size() != set.size() * set.picture_bytes()))
    throw core::Error(core::ExitCode::internal, folder.string(), "the picture set is inconsistent");
  write_picture_set(set, folder, [&](const WritePixels& write) { write(set.pictures(0, set.size())); });
}

void write_picture_set(const PictureSet& set, const std::filesystem::path& folder,
                       const std::function<void(const WritePixels&)>& pixels) {
  if (set.ids.size() != set.size())
    throw core::Error(core::ExitCode::internal, folder.string(), "the picture set is inconsistent");
  core::Json json = {{"schema_version", schema_version}, {"classes", set.classes}, {"ids", core::Json::array()}};
  for (const std::uint64_t id : set.ids) json["ids"].push_back(hexadecimal(id));
  core::write_file_atomically(folder / "pictures.json", json.dump(0) + "\n");

  const auto size = [](std::size_t n) { return static_cast<std::uint32_t>(n); };
  std::vector<std::uint32_t> shape = {size(set.size()), size(set.height), size(set.width)};
  if (set.channels != 1) shape.push_back(size(set.channels));
  IdxWriter images(folder / "images.idx", IdxType::u8, shape);
  pixels([&](std::span<const std::uint8_t> values) { images.write(values); });
  images.commit();

  IdxArray labels;
  labels.shape = {size(set.size())};
  const bool small = std::all_of(set.labels.begin(), set.labels.end(), [](int label) { return label <= 255; });
  labels.type = small ? IdxType::u8 : IdxType::i32;
  for (const int label : set.labels)
    for (int shift = small ? 0 : 24; shift >= 0; shift -= 8)
      labels.values.push_back(static_cast<std::uint8_t>(label >> shift));
  write_idx(labels, folder / "labels.idx");
}

PictureSet read_picture_set(const std::filesystem::path& folder) {
  const auto pictures_file = folder / "pictures.json", images_file = folder / "images.idx";
  const core::Json json = core::read_json_file(pictures_file, core::ExitCode::steps_failed);
  const core::JsonCursor root(json, pictures_file.string(), "", core::ExitCode::steps_failed);
  if (root.at("schema_version").integer() != schema_version) root.at("schema_version").fail("is not known");
  PictureSet set;
  set.classes = root.at("classes").strings();
  const auto ids = root.at("ids");
  if (!ids.value().is_array()) ids.fail("must be an array");
  set.ids.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) set.ids.push_back(parse_id(ids.at(i)));

  const MappedIdx images = map_idx(images_file);
  const IdxArray labels = read_idx(folder / "labels.idx");
  const auto& shape = images.shape;
  if (images.type != IdxType::u8 || (shape.size() != 3 && shape.size() != 4) || (shape.size() == 4 && shape[3] != 3))
    fail(images_file, "holds no pictures");
  if (labels.shape.size() != 1 || labels.shape[0] != shape[0]) fail(folder / "labels.idx", "doesn't match images.idx");
  if (set.ids.size() != shape[0]) fail(pictures_file, "doesn't match images.idx");
  set.height = static_cast<int>(shape[1]);
  set.width = static_cast<int>(shape[2]);
  set.channels = shape.size() == 4 ? 3 : 1;
  set.mapped = images.values;
  set.mapping = images.memory;
  for (std::size_t i = 0; i < shape[0]; ++i) {
    set.labels.push_back(labels.value(i));
    if (set.labels[i] < 0 || static_cast<std::size_t>(set.labels[i]) >= set.classes.size())
      fail(folder / "labels.idx", "label " + std::to_string(set.labels[i]) + " names no class of pictures.json");
  }
  return set;
}

}  // namespace automask::datasets
