// Quantised networks for tests/peer/compare_integers.py: integers_tool FOLDER writes, for every small network of the
// tests, NAME.safetensors (an INT8 package, all channels kept, two conditions), NAME.pictures (u8, one after the other)
// and NAME.K.logits (float32 of the reference, condition K).
#include <fstream>
#include <iostream>

#include "hw_targets/compiler/quantise.h"
#include "hw_targets/package/reference.h"
#include "tests/unit/package/packages.h"

namespace {

using namespace automask;

constexpr int count = 6;

void write(const std::string& path, const void* data, std::size_t size) {
  std::ofstream out(path, std::ios::binary);
  out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
  if (!out) throw std::runtime_error(path + " cannot be written");
}

void export_network(const graph::Graph& graph, const std::string& base) {
  package::Package real = packages::make(graph, {"clean", "jpeg:q10"}, 11);
  std::mt19937 random(12);
  for (package::Condition& condition : real.conditions) {
    condition.mask = graph::full_mask(graph::channel_groups(real.graph));
    for (auto* values : {&condition.scale, &condition.bias})
      for (auto& [node, of_node] : *values)
        for (float& value : of_node) value = networks::uniform(random, -1, 1);
  }
  const graph::Shape in = real.graph.input;
  const std::size_t bytes = static_cast<std::size_t>(in.height * in.width * in.channels);
  compiler::CalibrationPictures pictures;
  pictures.count = count;
  for (std::size_t i = 0; i < count * bytes; ++i) pictures.pixels.push_back(static_cast<std::uint8_t>(random() & 255));
  const std::string file = package::encode(compiler::quantise(real, {pictures, pictures}, {}));
  write(base + ".safetensors", file.data(), file.size());
  write(base + ".pictures", pictures.pixels.data(), pictures.pixels.size());
  for (int k = 0; k < 2; ++k) {
    const auto network = package::materialise_integers(package::decode(file, base), k);
    std::vector<float> all;
    for (std::size_t i = 0; i < count; ++i) {
      const auto logits = package::reference_logits(network, pictures.pixels.data() + i * bytes);
      all.insert(all.end(), logits.begin(), logits.end());
    }
    write(base + "." + std::to_string(k) + ".logits", all.data(), 4 * all.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("usage: integers_tool FOLDER");
    for (const graph::Graph& graph : networks::all()) {
      export_network(graph, std::string(argv[1]) + "/" + graph.name);
      std::cout << graph.name << "\n";
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "integers_tool: " << error.what() << "\n";
    return 1;
  }
}
