#include "models/weights.h"

#include <algorithm>
#include <cstring>

#include "core/json.h"
#include "core/mapped_file.h"
#include "models/safetensors.h"
#include "models/torch_file.h"

namespace automask::models {
namespace {

using core::Error;
using core::ExitCode;

// At most this many names in one sentence.
constexpr std::size_t names_shown = 3;

bool is_safetensors(std::string_view bytes) {
  std::uint64_t header = 0;
  if (bytes.size() < sizeof header + 2) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header <= bytes.size() - sizeof header && bytes[sizeof header] == '{';
}

// Files that people hold for weights, by how they begin.
const char* foreign_kind(std::string_view bytes) {
  if (bytes.empty()) return "is empty";
  if (bytes.substr(0, 4) == "\x89HDF") return "is an HDF5 file";
  if (bytes.substr(0, 2) == "\x1f\x8b") return "is compressed by gzip";
  if (bytes.size() > 262 && bytes.substr(257, 5) == "ustar") return "is a tar archive, as PyTorch before 0.4 wrote it";
  if (bytes.substr(0, 2) == "\x80\x02" || bytes.substr(0, 2) == "\x80\x04")
    return "is a pickle, but none of torch.save";
  if (bytes.substr(0, 1) == "<") return "is a web page, perhaps instead of a download";
  if (bytes.substr(0, 7) == "version") return "is a pointer of Git LFS and not the file itself";
  if (bytes.substr(0, 1) == "\x08") return "is perhaps an ONNX file, which holds a network with its weights";
  return "is of an unknown kind";
}

// {"weight_map": {"<tensor>": "<file in the same folder>"}}: every tensor named there and no other.
graph::TensorMap decode_index(std::string_view bytes, const std::filesystem::path& path) {
  const core::Json document = core::parse_json(bytes, path.string(), ExitCode::corrupt);
  const core::JsonCursor map = core::JsonCursor(document, path.string(), "", ExitCode::corrupt).at("weight_map");
  std::map<std::string, std::vector<std::string>> names_of;
  for (const std::string& name : map.keys()) {
    const core::JsonCursor file = map.at(name);
    const std::string part = file.string();
    if (part.empty() || part == ".." || part.find('/') != std::string::npos)
      file.fail("is no name of a file in the same folder");
    names_of[part].push_back(name);
  }
  graph::TensorMap tensors;
  for (const auto& [part, names] : names_of) {
    const auto part_path = path.parent_path() / part;
    SafetensorsFile content = decode_safetensors(core::MappedFile(part_path).bytes(), part_path.string());
    for (const std::string& name : names) {
      const auto found = content.tensors.find(name);
      if (found == content.tensors.end()) map.at(name).fail("holds no such tensor", "get both files again");
      tensors[name] = std::move(found->second);
    }
  }
  return tensors;
}

bool ends_with(const std::string& text, std::string_view end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// What frameworks add to names and tensors beyond the network's own.
graph::TensorMap without_wrapping(graph::TensorMap tensors) {
  constexpr std::string_view counter = "num_batches_tracked", wrapper = "module.";
  for (auto it = tensors.begin(); it != tensors.end();)
    it = it->first == counter || ends_with(it->first, "." + std::string(counter)) ? tensors.erase(it) : std::next(it);
  // DataParallel puts it before all names.
  const bool wrapped = !tensors.empty() && std::all_of(tensors.begin(), tensors.end(), [&](const auto& tensor) {
    return tensor.first.rfind(wrapper, 0) == 0;
  });
  if (!wrapped) return tensors;
  graph::TensorMap bare;
  for (auto& [name, tensor] : tensors) bare[name.substr(wrapper.size())] = std::move(tensor);
  return bare;
}

// "a, b, c and 4 more"
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), names_shown); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > names_shown) text += " and " + std::to_string(names.size() - names_shown) + " more";
  return text;
}

}  // namespace

graph::TensorMap load_weights(const std::filesystem::path& path) {
  const core::MappedFile file(path);
  const std::string_view bytes = file.bytes();
  if (is_torch_zip(bytes) || is_torch_legacy(bytes)) return without_wrapping(decode_torch(bytes, path.string()));
  if (is_safetensors(bytes)) return without_wrapping(decode_safetensors(bytes, path.string()).tensors);
  if (bytes.substr(0, 1) == "{") return without_wrapping(decode_index(bytes, path));
  throw Error(ExitCode::corrupt, path.string(), foreign_kind(bytes),
              "give a file of torch.save (.pth, .pt), a .safetensors file or its .index.json");
}

graph::TensorMap assign(const graph::Graph& graph, graph::TensorMap tensors, const std::vector<std::string>& ignored,
                        const std::string& file) {
  graph::TensorMap assigned;
  std::vector<std::string> missing, misshapen, surplus;
  for (const auto& [name, shape] : graph::parameter_shapes(graph)) {
    const auto found = tensors.find(name);
    if (found == tensors.end()) {
      missing.push_back(name);
    } else if (found->second.shape != shape) {
      misshapen.push_back(name + " " + shape_text(found->second.shape) + " instead of " + shape_text(shape));
      tensors.erase(found);
    } else {
      assigned[name] = std::move(found->second);
      tensors.erase(found);
    }
  }
  for (const auto& [name, tensor] : tensors)
    if (std::none_of(ignored.begin(), ignored.end(), [&n = name](const auto& start) { return n.rfind(start, 0) == 0; }))
      surplus.push_back(name);
  if (missing.empty() && misshapen.empty() && surplus.empty()) return assigned;

  std::string fault;
  const auto add = [&](const char* kind, const std::vector<std::string>& names) {
    if (!names.empty()) fault += (fault.empty() ? "" : "; ") + std::string(kind) + ": " + listed(names);
  };
  add("missing", missing);
  add("of another shape", misshapen);
  add("surplus", surplus);
  std::string remedy = "check that the file belongs to this model";
  if (!missing.empty())
    if (const auto near = core::closest(missing.front(), surplus))
      remedy = "did you mean \"" + missing.front() + "\" by \"" + *near + "\"?";
  throw Error(ExitCode::usage, file, "does not fit " + graph.name + ": " + fault, remedy);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace automask::models
