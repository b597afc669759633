// Every kind of damage is a PackageError that names file, place and fault.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "hw_targets/package/layout.h"
#include "tests/unit/package/damage.h"

namespace automask {
namespace {

using damage::encoding_fault;
using damage::fault_of;
using damage::tiny;
using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Damage, TruncationAtEveryLength) {
  const std::string bytes = package::encode(tiny());
  for (std::size_t length = 0; length < bytes.size(); ++length)
    ASSERT_THAT(fault_of(bytes.substr(0, length)), StartsWith("p.amk: ")) << length;
  EXPECT_EQ(fault_of(bytes), "");
  EXPECT_THAT(fault_of(bytes + '\0'), HasSubstr("1 bytes belong to no tensor"));
}

TEST(Damage, EveryBitOfTheFile) {
  std::string bytes = package::encode(tiny());
#ifdef NDEBUG
  const int step = 1;
#else
  const int step = 5;  // unoptimised and sanitised builds look at every other bit or so
#endif
  for (std::size_t i = 0; i < bytes.size(); ++i)
    for (int bit = static_cast<int>(i) % step; bit < 8; bit += step) {
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
      ASSERT_THAT(fault_of(bytes), StartsWith("p.amk: ")) << "byte " << i << " bit " << bit;
      bytes[i] = static_cast<char>(bytes[i] ^ (1 << bit));
    }
  EXPECT_EQ(fault_of(bytes), "");
}

TEST(Damage, ForeignFiles) {
  EXPECT_EQ(fault_of(""), "p.amk: byte 0: the file has 0 bytes, too few for a package");
  EXPECT_THAT(fault_of("PK\x03\x04 a zip file, say"), HasSubstr("the file is truncated or no package"));
  package::Container other;
  other.metadata["format"] = "pt";
  EXPECT_THAT(fault_of(package::encode_container(other)), HasSubstr("this is no automask package"));
}

// The file as an attacker or a careless writer would make it: changed, its hash right again.
std::string rewritten(const std::function<void(json&, package::Container&)>& change, bool hash_again = true,
                      const package::Package& original = tiny()) {
  package::Container container = package::decode_container(package::encode(original), "p");
  json structure = json::parse(container.metadata.at(package::structure_key));
  change(structure, container);
  container.metadata[package::structure_key] = structure.dump();
  if (hash_again) container.metadata[package::hash_key] = package::content_hash(container);
  return package::encode_container(container);
}

TEST(Damage, RewritingAloneIsHarmless) {
  EXPECT_EQ(rewritten([](json&, package::Container&) {}), package::encode(tiny()));
}

TEST(Damage, HashAndVersion) {
  const auto other_seed = [](json& s, package::Container&) { s["provenance"]["seed"] = 99; };
  EXPECT_EQ(fault_of(rewritten(other_seed)), "");
  EXPECT_THAT(fault_of(rewritten(other_seed, false)), StartsWith("p.amk: __metadata__/sha256: the content's hash is "));
  // Version before hash: a newer format may hash otherwise.
  EXPECT_EQ(fault_of(rewritten([](json& s, package::Container&) { s["format_version"] = 2; }, false)),
            "p.amk: structure/format_version: is 2, this program reads 1; compile the package again or update");
}

TEST(Damage, InTheStructure) {
  const auto with = [](const char* pointer, const json& value) {
    return fault_of(rewritten([&](json& s, package::Container&) { s[json::json_pointer(pointer)] = value; }));
  };
  EXPECT_EQ(with("/extra", 1), "p.amk: structure: unknown key \"extra\"");
  EXPECT_EQ(with("/graph/nodes/3/op", "lstm"), "p.amk: graph: /nodes/3/op: unknown operator \"lstm\"");
  EXPECT_EQ(with("/graph/nodes/2/op", "batch_norm"),
            "p.amk: graph: node bn is a batch_norm; packages hold affine nodes instead");
  EXPECT_EQ(with("/graph/nodes/1/out_channels", 4),
            "p.amk: tensor conv.weight: has shape [3,1,3,3], the graph needs [4,1,3,3]");
  EXPECT_EQ(with("/conditions", json::array()), "p.amk: conditions: must be an array of 1 to 1000 conditions");
  EXPECT_EQ(with("/conditions/1/mask", 2), "p.amk: conditions/1/mask: must be an index below 2");
  EXPECT_EQ(with("/conditions/1/mask", -1), "p.amk: conditions/1/mask: must be an index below 2");
  EXPECT_EQ(with("/conditions/1/mask", 0), "p.amk: tensor masks: holds a mask that no condition uses");
  EXPECT_EQ(with("/conditions/1/normalisation", 0),
            "p.amk: conditions/1: shares a normalisation with a condition of another mask");
  EXPECT_EQ(with("/conditions/1/name", "clean"), "p.amk: condition clean: the name stands twice");
  EXPECT_EQ(with("/conditions/0/name", "*"), "p.amk: condition *: * must be the last");
  EXPECT_EQ(with("/conditions/1/name", ""), "p.amk: conditions: a condition has no name");
  EXPECT_EQ(with("/conditions/1/colour", 1), "p.amk: conditions/1: unknown key \"colour\"");
  EXPECT_EQ(with("/input/mean", {0.5, 0.5}), "p.amk: input: mean and deviation need one value for each of 1 channels");
  EXPECT_EQ(with("/input/deviation", {0}), "p.amk: input: deviation must be finite and above 0");
  EXPECT_EQ(with("/input/deviation", {1e300}), "p.amk: input/deviation: must hold FP32 numbers");
  EXPECT_EQ(with("/classes", {"a"}), "p.amk: classes: there are 1 names for 2 outputs");
  EXPECT_EQ(with("/classes/0", 7), "p.amk: classes: must be a string");
  EXPECT_EQ(fault_of(rewritten([](json& s, package::Container&) { s.erase("graph"); })),
            "p.amk: structure: the key \"graph\" is missing");
}

TEST(Damage, InTheTensors) {
  using Change = std::function<void(package::Container&)>;
  const auto with = [](const Change& change) {
    return fault_of(rewritten([&](json&, package::Container& c) { change(c); }));
  };
  EXPECT_EQ(with([](auto& c) { c.tensors.erase("conv.weight"); }), "p.amk: tensor conv.weight: is missing");
  EXPECT_EQ(with([](auto& c) { c.tensors["more.weight"] = c.tensors["conv.weight"]; }),
            "p.amk: tensor more.weight: nothing in the structure uses it");
  EXPECT_EQ(with([](auto& c) { c.tensors["conv.weight"].shape = {27}; }),
            "p.amk: tensor conv.weight: has shape [27], the graph needs [3,1,3,3]");
  EXPECT_EQ(with([](auto& c) {
              c.tensors["fc.bias"] = {"U8", {2}, "ab"};
            }),
            "p.amk: tensor fc.bias: has dtype U8, must have F32");
  EXPECT_EQ(with([](auto& c) {
              c.tensors["masks"] = {"U8", {2, 2}, std::string(4, '\3')};
            }),
            "p.amk: tensor masks: must have rows of 1 bytes for the graph's 3 maskable channels");
  EXPECT_EQ(with([](auto& c) {
              c.tensors["masks"] = {"U8", {3, 1}, "\3\6\7"};
            }),
            "p.amk: tensor masks: must have a row for each different mask of the 2 conditions");
  EXPECT_EQ(with([](auto& c) { c.tensors["masks"].bytes[0] |= 8; }),
            "p.amk: tensor masks: row 0 has bits set beyond the last channel");
  EXPECT_EQ(with([](auto& c) {
              c.tensors["masks"].bytes = "\3\1";
              c.tensors["normalisation.1"] = {"F32", {2}, std::string(8, 'x')};
            }),
            "p.amk: conditions: no condition keeps some channels of group conv, so they must not be stored");
  EXPECT_EQ(with([](auto& c) { c.tensors["masks"].bytes[0] = 7; }),
            "p.amk: tensor normalisation.0: has too few values for its mask");
  EXPECT_EQ(with([](auto& c) { c.tensors["masks"].bytes[0] = 1; }),
            "p.amk: tensor normalisation.0: must be a vector of 2 values for its mask");
  EXPECT_EQ(with([](auto& c) {
              c.tensors["masks"].bytes[0] = 0;
              c.tensors["normalisation.0"] = {"F32", {0}, ""};
            }),
            "p.amk: condition clean: the mask keeps no channel of group conv");
}

// Headers by hand: what the container itself must refuse.
std::string container_fault(std::string header, const std::string& data) {
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  bytes[1] = static_cast<char>(header.size() >> 8);
  try {
    package::decode_container(bytes + header + data, "f");
  } catch (const package::PackageError& e) {
    return e.what();
  }
  return "";
}

TEST(Container, RefusesBadHeaders) {
  const std::string a = R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  const auto b = [](int begin, int end, const char* shape = "[1]", const char* dtype = "F32") {
    return std::string(R"("b":{"dtype":")") + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" +
           std::to_string(begin) + "," + std::to_string(end) + "]}";
  };
  const std::string eight(8, 'x');
  EXPECT_EQ(container_fault("{" + a + "," + b(4, 8) + "}", eight), "");
  EXPECT_EQ(container_fault("{" + a + "," + b(4, 8) + "}  ", eight), "");
  EXPECT_THAT(container_fault("{" + a + "," + b(4, 8) + "}", eight + "x"), HasSubstr("1 bytes belong to no tensor"));
  EXPECT_THAT(container_fault("{" + a + "," + b(4, 8) + "} \n", eight), HasSubstr("padded with spaces alone"));
  EXPECT_THAT(container_fault(" {" + a + "," + b(4, 8) + "}", eight), HasSubstr("padded with spaces alone"));
  EXPECT_THAT(container_fault("{" + a + "," + b(2, 6) + "}", eight), HasSubstr("overlaps"));
  EXPECT_THAT(container_fault("{" + a + "," + b(4, 12) + "}", eight), HasSubstr("leave the file's 8 data bytes"));
  EXPECT_THAT(container_fault("{" + a + "," + b(8, 4) + "}", eight), HasSubstr("leave the file's"));
  EXPECT_THAT(container_fault("{" + a + "," + b(4, 8, "[2]") + "}", eight), HasSubstr("its shape needs 8"));
  EXPECT_THAT(container_fault("{" + a + "," + b(4, 8, "[1]", "F64") + "}", eight), HasSubstr("dtype must be"));
  EXPECT_THAT(container_fault("{" + a + "," + b(4, 8, "[-1]") + "}", eight), HasSubstr("whole number"));
  EXPECT_THAT(container_fault("{" + a + "," + b(4, 8, "[4294967296,4294967296,4294967296,0]") + "}", eight),
              HasSubstr("out of range"));
  EXPECT_THAT(container_fault("{" + a + "," + a + "}", eight), HasSubstr("stands twice"));
  EXPECT_THAT(container_fault("{" + a + ",}", eight), HasSubstr("not valid JSON at character"));
  EXPECT_THAT(container_fault("{" + a + std::string(1, '\0') + "}", eight), HasSubstr("NUL"));
  EXPECT_THAT(container_fault("{\"a\":" + std::string(100, '[') + "}", ""), HasSubstr("nested deeper"));
  EXPECT_THAT(container_fault("[]", ""), HasSubstr("must be one JSON object"));
  EXPECT_THAT(container_fault(R"({"__metadata__":{"a":1}})", ""), HasSubstr("must be a string"));
}

TEST(Damage, InAPrivateStem) {
  package::Package p = tiny();
  packages::make_stem_private(p, 1);
  ASSERT_EQ(fault_of(package::encode(p)), "");
  const auto with = [&](const std::function<void(json&, package::Container&)>& change) {
    return fault_of(rewritten(change, true, p));
  };
  EXPECT_EQ(with([](json& s, auto&) { s["stem"] = "shared"; }),
            "p.amk: structure/stem: must be \"private\" or missing");
  EXPECT_EQ(with([](json& s, auto&) { s.erase("stem"); }), "p.amk: tensor conv.weight: is missing");
  EXPECT_EQ(with([](json&, auto& c) { c.tensors.erase("private.1.conv.weight"); }),
            "p.amk: tensor private.1.conv.weight: is missing");
  EXPECT_EQ(with([](json&, auto& c) {
              c.tensors["private.1.conv.weight"].shape = {1, 1, 3, 6};
            }),
            "p.amk: tensor private.1.conv.weight: must have 2 rows for its mask, and one at least");
  EXPECT_EQ(with([](json&, auto& c) {
              c.tensors["masks"].bytes[1] = 0;
              c.tensors["private.1.conv.weight"].shape[0] = 0;
              c.tensors["private.1.conv.weight"].bytes.clear();
            }),
            "p.amk: tensor private.1.conv.weight: must have 0 rows for its mask, and one at least");
  EXPECT_EQ(with([](json&, auto& c) { c.tensors["private.2.conv.weight"] = c.tensors["private.1.conv.weight"]; }),
            "p.amk: tensor private.2.conv.weight: nothing in the structure uses it");
  const auto encoding = [&](const std::function<void(package::Package&)>& change) {
    package::Package changed = p;
    change(changed);
    return encoding_fault(changed);
  };
  EXPECT_EQ(encoding([](auto& c) { c.conditions[1].weights.clear(); }),
            "package: condition jpeg:q10: must have weights for the private stem alone");
  EXPECT_EQ(encoding([](auto& c) { c.private_stem = false; }), "package: tensor conv.weight: is missing");
}

TEST(Encode, RefusesWhatCouldNotBeRead) {
  const auto with = [](const std::function<void(package::Package&)>& change) {
    package::Package p = tiny();
    change(p);
    return encoding_fault(p);
  };
  EXPECT_EQ(with([](auto&) {}), "");
  EXPECT_EQ(with([](auto& p) { p.conditions[0].scale.erase("bn"); }),
            "package: condition clean: scale: node bn has no values");
  EXPECT_EQ(with([](auto& p) { p.conditions[0].bias["bn"].pop_back(); }),
            "package: condition clean: bias: node bn has 2 values for 3 channels");
  EXPECT_EQ(with([](auto& p) { p.conditions[0].bias["conv"] = {1}; }),
            "package: condition clean: bias: has values for nodes that are no affine");
  EXPECT_EQ(with([](auto& p) { p.conditions[0].mask.pop_back(); }),
            "package: condition clean: the mask covers 2 channel groups, the graph has 3");
  EXPECT_EQ(with([](auto& p) { p.conditions[0].mask[0][0] = 0; }),
            "package: condition clean: the mask keeps no channel of group input");
  EXPECT_EQ(with([](auto& p) { p.conditions[0].mask[2][0] = 0; }),
            "package: condition clean: the mask drops channels of group fc, which cannot be masked");
  EXPECT_EQ(with([](auto& p) { p.conditions[0].mask[1].pop_back(); }),
            "package: condition clean: the mask of group conv has 2 channels, the group 3");
  EXPECT_EQ(with([](auto& p) { p.weights["bn.weight"] = p.weights["fc.bias"]; }),
            "package: tensor bn.weight: the graph has no such parameter");
  EXPECT_EQ(with([](auto& p) { p.weights["fc.bias"].data.push_back(0); }),
            "package: tensor fc.bias: has 3 values, its shape needs 2");
  EXPECT_EQ(with([](auto& p) { p.classes[0] = std::string(1, '\xff'); }),
            "package: structure: a name, a class or the provenance is not UTF-8");
  EXPECT_EQ(with([](auto& p) { p.conditions.clear(); }), "package: conditions: there must be one at least");
}

}  // namespace
}  // namespace automask
