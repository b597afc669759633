// Files changed at random, with the hash made right again so that the damage gets past it: either a package that is
// whole in every respect or a PackageError.
#include <gtest/gtest.h>

#include <random>

#include "hw_targets/package/layout.h"
#include "tests/unit/core/change_bytes.h"
#include "tests/unit/package/packages.h"

namespace automask {
namespace {

using nlohmann::json;

void change_json(json& value, std::mt19937& random) {
  if (value.is_structured() && !value.empty() && random() % 10 != 0) {
    auto item = value.begin();
    std::advance(item, random() % value.size());
    if (random() % 16 == 0) {
      value.erase(item);
    } else {
      change_json(*item, random);
    }
    return;
  }
  static const json values[] = {nullptr,       true,           -1,    0,      1,         2,         3,     4,
                                1000,          1 << 24,        1e300, 0.5,    "",        "*",       "add", "relu",
                                json::array(), json::object(), {0},   {1, 1}, {8, 8, 8}, 4294967296};
  value = values[random() % std::size(values)];
}

void change_tensor(package::Container& container, std::mt19937& random) {
  auto item = container.tensors.begin();
  std::advance(item, random() % container.tensors.size());
  package::StoredTensor& tensor = item->second;
  switch (random() % 5) {
    case 0:
      container.tensors.erase(item);
      break;
    case 1:
      container.tensors["t" + item->first] = tensor;
      break;
    case 2:
      tensor.shape.push_back(1);
      break;
    case 3:
      if (!tensor.bytes.empty()) tensor.bytes[random() % tensor.bytes.size()] = static_cast<char>(random());
      break;
    case 4:
      if (!tensor.shape.empty()) std::swap(tensor.shape.front(), tensor.shape.back());
      break;
  }
}

bool survives(const std::string& bytes) {
  try {
    const package::Package p = package::decode(bytes, "fuzz");
    EXPECT_NO_THROW(package::encode(p));
    for (std::size_t k = 0; k < p.conditions.size(); ++k) {
      const package::PlainNetwork plain = package::materialise(p, static_cast<int>(k));
      EXPECT_NO_THROW(graph::check_weights(plain.graph, plain.weights));
    }
    return true;
  } catch (const package::PackageError& e) {
    EXPECT_EQ(std::string(e.what()).substr(0, 6), "fuzz: ");
    return false;
  }
}

TEST(FuzzPackage, ChangedContents) {
  std::vector<std::string> seeds;
  for (const graph::Graph& net : {networks::chain(), networks::depthwise(), networks::preactivation()}) {
    package::Package p = packages::make(net, {"clean", "a", "b"}, 1);
    seeds.push_back(package::encode(p));
    packages::make_stem_private(p, 1);
    if (p.private_stem) seeds.push_back(package::encode(p));
  }
  std::mt19937 random(21);
  int accepted = 0, refused = 0;
  for (int trial = 0; trial < networks::trials(600); ++trial) {
    package::Container container = package::decode_container(seeds[trial % seeds.size()], "fuzz");
    json structure = json::parse(container.metadata.at(package::structure_key));
    if (random() % 3 != 0) change_json(structure, random);
    if (random() % 3 != 0) change_tensor(container, random);
    container.metadata[package::structure_key] = structure.dump();
    container.metadata[package::hash_key] = package::content_hash(container);
    ++(survives(package::encode_container(container)) ? accepted : refused);
  }
  EXPECT_GT(accepted, networks::trials(25));
  EXPECT_GT(refused, networks::trials(120));
}

TEST(FuzzPackage, ChangedBytes) {
  const std::string good = package::encode(packages::make(networks::depthwise(), {"clean", "a"}, 1));
  std::mt19937 random(22);
  for (int trial = 0; trial < networks::trials(2000); ++trial) {
    std::string bytes = good;
    // Mostly in the header, where a change reaches the parser.
    const std::size_t reach = random() % 4 == 0 ? bytes.size() : 2000;
    damage::change_bytes(bytes, random, 1 + random() % 4, reach);
    if (bytes != good) {
      EXPECT_FALSE(survives(bytes)) << trial;
    }
  }
}

}  // namespace
}  // namespace automask
