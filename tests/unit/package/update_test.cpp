// From one package to another by what differs.
#include "hw_targets/package/update.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "hw_targets/package/layout.h"
#include "tests/unit/core/change_bytes.h"
#include "tests/unit/package/packages.h"

namespace automask {
namespace {

using testing::HasSubstr;

// The same weights for two conditions and for three, one of which is new to the other.
struct Pair {
  std::string two, three;
};
Pair frozen(const graph::Graph& net) {
  package::Package p = packages::make(net, {"clean", "jpeg:q10", "fog:3"}, 4);
  const graph::Mask all = graph::full_mask(graph::channel_groups(p.graph));
  for (package::Condition& condition : p.conditions) condition.mask = all;
  const std::string three = package::encode(p);
  p.conditions.pop_back();
  return {package::encode(p), three};
}

std::string refusal(const std::string& base, const std::string& update) {
  try {
    package::apply_update(base, "base.safetensors", update, "update.safetensors");
  } catch (const package::PackageError& e) {
    return e.what();
  }
  return "";
}

TEST(Update, LeadsFromOnePackageToTheOther) {
  for (const graph::Graph& net : {networks::chain(), networks::depthwise(), networks::preactivation()}) {
    const auto [two, three] = frozen(net);
    const std::string update = package::encode_update(two, "two", three, "three");
    EXPECT_EQ(package::encode_update(two, "two", three, "three"), update);
    EXPECT_EQ(package::apply_update(two, "two", update, "u"), three);
    EXPECT_EQ(package::apply_update(three, "three", update, "u"), three) << "applied twice it changes nothing more";
    const std::string back = package::encode_update(three, "three", two, "two");
    EXPECT_EQ(package::apply_update(three, "three", back, "u"), two) << "a condition that goes away";
    // Nothing of the weights is in it: one normalisation and the masks.
    const package::Container container = package::decode_container(update, "u");
    for (const auto& [name, tensor] : container.tensors)
      EXPECT_TRUE(name == "masks" || name.rfind("normalisation.", 0) == 0) << name;
  }
}

TEST(Update, OfAnotherNetworkHoldsAllOfIt) {
  const std::string one = package::encode(packages::make(networks::chain(), {"clean", "a"}, 1)),
                    other = package::encode(packages::make(networks::depthwise(), {"clean", "a"}, 2));
  const std::string update = package::encode_update(one, "one", other, "other");
  EXPECT_EQ(package::apply_update(one, "one", update, "u"), other);
}

TEST(Update, IsRefusedWhereItDoesNotBelong) {
  const auto [two, three] = frozen(networks::chain());
  const std::string update = package::encode_update(two, "two", three, "three");
  const std::string stranger = package::encode(packages::make(networks::chain(), {"clean"}, 9));
  EXPECT_THAT(refusal(stranger, update), HasSubstr("and base.safetensors has"));
  EXPECT_THAT(refusal(two, three), HasSubstr("this is no update"));
  EXPECT_THAT(refusal(update, update), HasSubstr("base.safetensors: __metadata__"));
  EXPECT_THAT(refusal(two, update.substr(0, update.size() - 1)), HasSubstr("update.safetensors: "));
  EXPECT_THAT(refusal(two, ""), HasSubstr("update.safetensors: byte 0"));

  const auto changed = [&](const std::function<void(nlohmann::json&)>& change) {
    package::Container container = package::decode_container(update, "u");
    nlohmann::json text = nlohmann::json::parse(container.metadata.at("automask_update"));
    change(text);
    container.metadata["automask_update"] = text.dump();
    return refusal(two, package::encode_container(container));
  };
  EXPECT_THAT(changed([](auto& text) { text["version"] = 2; }), HasSubstr("of a version"));
  EXPECT_THAT(changed([](auto& text) { text["also"] = 2; }), HasSubstr("unknown key \"also\""));
  EXPECT_THAT(changed([](auto& text) { text["to"] = std::string(64, '0'); }), HasSubstr("the content's hash is"));
  EXPECT_THAT(changed([](auto& text) { text["removed"] = {"nobody.weight"}; }), HasSubstr("names a tensor"));
  EXPECT_THAT(changed([](auto& text) {
                text["structure"].push_back({{"op", "copy"}, {"from", "/graph"}, {"path", "/classes/0"}});
              }),
              HasSubstr("none of add, remove and replace"));
  // RFC 6902, section 4: what changes must be there, and have members.
  for (const char* path : {"/conditions/17", "/format_version/x", "/classes/0/1", "", "no pointer"})
    for (const char* op : {"add", "remove"})
      EXPECT_THAT(changed([&](auto& text) {
                    text["structure"].push_back({{"op", op}, {"path", path}, {"value", 1}});
                  }),
                  HasSubstr("changes what the package it starts from does not have"))
          << op << " " << path;
}

// It promises the same bytes, and so isn't made where it cannot keep that.
TEST(Update, IsNotMadeOfFilesThatOthersLaidOut) {
  const auto [two, three] = frozen(networks::chain());
  const auto refused = [&, base = two](const std::string& next) -> std::string {
    package::decode(next, "next");  // a package it is
    try {
      package::encode_update(base, "base", next, "next");
    } catch (const package::PackageError& e) {
      return e.what();
    }
    return "";
  };
  std::string padded = three;
  std::uint64_t size = 0;
  for (int i = 0; i < 8; ++i) size |= std::uint64_t{static_cast<unsigned char>(three[i])} << (8 * i);
  padded.insert(8 + size, 8, ' ');
  for (int i = 0; i < 8; ++i) padded[i] = static_cast<char>((size + 8) >> (8 * i));
  EXPECT_THAT(refused(padded), HasSubstr("next: file: is not laid out as this program writes packages"));
  package::Container spelt = package::decode_container(three, "three");
  spelt.metadata[package::structure_key] = nlohmann::json::parse(spelt.metadata[package::structure_key]).dump(1);
  spelt.metadata[package::hash_key] = package::content_hash(spelt);
  EXPECT_THAT(refused(package::encode_container(spelt)), HasSubstr("next: structure: is not spelt"));
}

// Either the package that was meant or a PackageError.
TEST(FuzzUpdate, ChangedBytes) {
  const auto [two, three] = frozen(networks::depthwise());
  const std::string good = package::encode_update(two, "two", three, "three");
  std::mt19937 random(23);
  int refused = 0;
  for (int trial = 0; trial < networks::trials(1000); ++trial) {
    std::string bytes = good;
    damage::change_bytes(bytes, random, 1 + random() % 3);
    try {
      EXPECT_EQ(package::apply_update(two, "two", bytes, "u"), three);
    } catch (const package::PackageError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, networks::trials(900));
}

}  // namespace
}  // namespace automask
