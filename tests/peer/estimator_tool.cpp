// Estimators for tests/peer/compare_estimator.py: estimator_tool FOLDER writes cases.json, for pictures of several
// sizes and kinds statistics and condition, NAME.pictures (u8, one after the other) and NAME.safetensors, a package.
#include <fstream>
#include <iostream>

#include "tests/unit/package/estimators.h"
#include "tests/unit/package/packages.h"

namespace {

using namespace automask;

constexpr int count = 12, conditions = 3;

void write(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  if (!out) throw std::runtime_error(path + " cannot be written");
}

// Gradients under noise of growing strength, from dark to bright.
std::string draw(const graph::Shape& shape, int kind, std::mt19937& random) {
  std::string picture;
  for (int i = 0; i < shape.height * shape.width; ++i)
    for (int c = 0; c < shape.channels; ++c) {
      const int smooth = 20 * kind + i % shape.width - i / shape.width + 30 * c;
      const int noise = kind == 0 ? 0 : static_cast<int>(random() % static_cast<unsigned>(16 * kind)) - 8 * kind;
      picture += static_cast<char>(std::min(std::max(smooth + noise, 0), 255));
    }
  return picture;
}

nlohmann::json export_case(const std::string& folder, const std::string& name, const graph::Shape& shape) {
  graph::Graph net = networks::start(name, shape.channels, shape.height, shape.width);
  networks::head(net, networks::conv_bn(net, "conv", "bn", 0, networks::conv(3, 3, 1, 1), true), 2);
  package::Package package = packages::make(net, {"clean", "jpeg:q10", "fog:3"}, 3);
  package.estimator = estimators::make(conditions, 5, 1);
  package.estimator.fallback = 2;
  package.estimator.margin = 100;
  write(folder + "/" + name + ".safetensors", package::encode(package));
  std::mt19937 random(5);
  std::string pictures;
  nlohmann::json statistics = nlohmann::json::array(), taken = nlohmann::json::array();
  for (int kind = 0; kind < count; ++kind) {
    const std::string picture = draw(shape, kind, random);
    const auto* pixels = reinterpret_cast<const std::uint8_t*>(picture.data());
    statistics.push_back(package::statistics(pixels, shape));
    taken.push_back(package::estimate(package.estimator, pixels, shape));
    pictures += picture;
  }
  write(folder + "/" + name + ".pictures", pictures);
  return {{"name", name}, {"statistics", statistics}, {"conditions", taken}};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 2) throw std::runtime_error("usage: estimator_tool FOLDER");
    nlohmann::json cases = nlohmann::json::array();
    for (const graph::Shape& shape : {graph::Shape{1, 28, 28}, graph::Shape{3, 32, 32}, graph::Shape{3, 5, 7},
                                      graph::Shape{1, 1, 9}, graph::Shape{3, 150, 160}})
      cases.push_back(export_case(argv[1], std::to_string(shape.channels) + "x" + std::to_string(shape.height), shape));
    write(std::string(argv[1]) + "/cases.json", cases.dump());
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "estimator_tool: " << error.what() << "\n";
    return 1;
  }
}
