// Deterministic mutations of a good stream: whatever arrives, in whatever chunks, the reader either gives frames or
// throws FramingError, and the chunks make no difference.
#include <gtest/gtest.h>

#include <random>

#include "hw_targets/protocol/protocol.h"

namespace automask::protocol {
namespace {

std::string good_stream() {
  return encode_json(request(1, "initialize", {{"protocol", 1}})) + encode_binary(std::string(40, '\0')) +
         encode_json(result(1, {{"latencies_ms", {0.25, 1.5}}})) + encode_binary("") + encode_json(error(2, -1, "no"));
}

std::string mutate(std::string bytes, std::mt19937& random) {
  static const std::string spice[] = {"\r\n\r\n", "\r\n", ":", "Content-Length: ", "99999999999999999999",
                                      "-",        "\0",   "{"};
  const unsigned rounds = 1 + random() % 4;
  for (unsigned i = 0; i < rounds && !bytes.empty(); ++i) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 5) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(at, 1 + random() % 8);
        break;
      case 2:
        bytes.insert(at, spice[random() % std::size(spice)]);
        break;
      case 3:
        bytes.resize(at);
        break;
      default:
        bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 60));
    }
  }
  return bytes;
}

// What came of the bytes, as text: each frame, then "error" or "more".
std::string outcome(const std::string& bytes, std::size_t chunk) {
  FrameReader reader(10'000);
  std::string text;
  Frame frame;
  try {
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      reader.feed(bytes.data() + at, std::min(chunk, bytes.size() - at));
      while (reader.next(frame)) {
        text += frame.binary ? "binary " : "json ";
        text += std::to_string(frame.bytes.size()) + frame.bytes + "\n";
        if (frame.binary) continue;
        try {
          parse_message(frame.bytes);
        } catch (const FramingError&) {
          text += "no message\n";
        }
      }
    }
  } catch (const FramingError&) {
    return text + "error";
  }
  return text + "more";
}

TEST(FuzzFrameReader, ChunksMakeNoDifference) {
  std::mt19937 random(1);
  const std::string good = good_stream();
  int errors = 0, whole = 0;
  for (int round = 0; round < 20'000; ++round) {
    const std::string bytes = mutate(good, random);
    const std::string at_once = outcome(bytes, bytes.size() + 1);
    ASSERT_EQ(outcome(bytes, 1 + random() % 9), at_once) << "round " << round;
    (at_once.ends_with("error") ? errors : whole) += 1;
  }
  // The mutations reach both ends.
  EXPECT_GT(errors, 1000);
  EXPECT_GT(whole, 1000);
}

}  // namespace
}  // namespace automask::protocol
