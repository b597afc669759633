#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hw_targets/protocol/protocol.h"

namespace automask::protocol {
namespace {

using testing::HasSubstr;

// The message of the FramingError that `bytes` cause, or "" when they are frames or the beginning of one.
std::string fault_of(const std::string& bytes, std::size_t limit = 1000) {
  FrameReader reader(limit);
  Frame frame;
  try {
    reader.feed(bytes.data(), bytes.size());
    while (reader.next(frame)) {
    }
    return "";
  } catch (const FramingError& e) {
    return e.what();
  }
}

TEST(Framing, GivesBackWhatWasEncodedWhateverTheChunks) {
  const std::string binary("\0\r\n\r\nContent-Length: 9\xff", 22);
  const std::string stream = encode_json({{"a", 1}}) + encode_binary(binary) + encode_binary("") + encode_json({});
  for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
    FrameReader reader;
    std::vector<Frame> frames;
    Frame frame;
    for (std::size_t at = 0; at < stream.size(); at += chunk) {
      reader.feed(stream.data() + at, std::min(chunk, stream.size() - at));
      while (reader.next(frame)) frames.push_back(frame);
    }
    ASSERT_EQ(frames.size(), 4u) << "chunks of " << chunk;
    EXPECT_EQ(frames[0].bytes, R"({"a":1})");
    EXPECT_FALSE(frames[0].binary);
    EXPECT_EQ(frames[1].bytes, binary);
    EXPECT_TRUE(frames[1].binary);
    EXPECT_TRUE(frames[2].binary);
    EXPECT_EQ(frames[2].bytes, "");
    EXPECT_TRUE(reader.empty());
  }
}

TEST(Framing, KeepsFramesBeyondItsCompactionWhole) {
  FrameReader reader;
  Frame frame;
  for (int i = 0; i < 50; ++i) {
    const std::string body(100'000, static_cast<char>('a' + i % 26));
    const std::string bytes = encode_binary(body) + encode_binary(body);
    reader.feed(bytes.data(), bytes.size());
    ASSERT_TRUE(reader.next(frame));
    EXPECT_EQ(frame.bytes, body);
    ASSERT_TRUE(reader.next(frame));
    EXPECT_EQ(frame.bytes, body);
    EXPECT_FALSE(reader.next(frame));
  }
}

TEST(Framing, ReadsTheHeaderAsTheSpecificationWantsIt) {
  const std::string bytes = "content-TYPE:APPLICATION/octet-stream\r\nCONTENT-length:  2 \r\n\r\nhi";
  FrameReader reader;
  Frame frame;
  reader.feed(bytes.data(), bytes.size());
  ASSERT_TRUE(reader.next(frame));
  EXPECT_TRUE(frame.binary);
  EXPECT_EQ(frame.bytes, "hi");
  const std::string json = "Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n{}";
  reader.feed(json.data(), json.size());
  ASSERT_TRUE(reader.next(frame));
  EXPECT_FALSE(frame.binary);
}

TEST(Framing, RefusesABannerAtItsFirstByte) {
  EXPECT_THAT(fault_of("H"), HasSubstr("\"H\" where a frame should start"));
  EXPECT_THAT(fault_of("Contents of this SDK"), HasSubstr("where a frame should start"));
  EXPECT_THAT(fault_of(encode_json({{"a", 1}}) + "\n"), HasSubstr("\"?\" where a frame should start"));
  EXPECT_EQ(fault_of("Conten"), "");
}

TEST(Framing, RefusesBadHeaders) {
  EXPECT_THAT(fault_of("Content-Length: x\r\n\r\n"), HasSubstr("\"x\", not a number"));
  EXPECT_THAT(fault_of("Content-Length: -1\r\n\r\n"), HasSubstr("\"-1\", not a number"));
  EXPECT_THAT(fault_of("Content-Length: \r\n\r\n"), HasSubstr("\"\", not a number"));
  EXPECT_THAT(fault_of("Content-Length: 18446744073709551617\r\n\r\n"), HasSubstr("more than the 1000"));
  EXPECT_THAT(fault_of("Content-Type: a\r\n\r\n"), HasSubstr("without Content-Length"));
  EXPECT_THAT(fault_of("Content-Length: 1\r\nContent-Length: 1\r\n\r\n"), HasSubstr("two Content-Length"));
  EXPECT_THAT(fault_of("Content-Length: 1\r\nX-Sdk: 4\r\n\r\n"), HasSubstr("\"X-Sdk: 4\" is no header field"));
  EXPECT_THAT(fault_of("Content-Length" + std::string(600, ' ')), HasSubstr("more than 512 bytes"));
  EXPECT_THAT(fault_of("Content-Type: " + std::string(600, 'a') + "\r\nContent-Length: 1\r\n\r\n1"),
              HasSubstr("more than 512 bytes"));
}

TEST(Framing, RefusesAnOversizedFrameByItsHeaderAlone) {
  EXPECT_EQ(fault_of("Content-Length: 1000\r\n\r\n"), "");
  EXPECT_THAT(fault_of("Content-Length: 1001\r\n\r\n"), HasSubstr("1001 bytes, more than the 1000"));
}

TEST(Messages, AreJsonRpc) {
  EXPECT_EQ(request(3, "run", {{"warmup", 1}}).dump(),
            R"({"id":3,"jsonrpc":"2.0","method":"run","params":{"warmup":1}})");
  EXPECT_EQ(result(3, {{"a", 1}}).dump(), R"({"id":3,"jsonrpc":"2.0","result":{"a":1}})");
  EXPECT_EQ(error(nullptr, bad_hash, "x").dump(),
            R"({"error":{"code":-32002,"message":"x"},"id":null,"jsonrpc":"2.0"})");
  EXPECT_EQ(parse_message(request(3, "run", {{"warmup", 1}}).dump())["params"]["warmup"], 1);
}

TEST(Messages, OthersAreRefused) {
  EXPECT_THROW(parse_message("{"), FramingError);
  EXPECT_THROW(parse_message("[]"), FramingError);
  EXPECT_THROW(parse_message("{}"), FramingError);
  EXPECT_THROW(parse_message(R"({"jsonrpc": 2.0})"), FramingError);
  EXPECT_THROW(parse_message("{\"jsonrpc\": \"2.0\", \"a\": \"\xff\"}"), FramingError);
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_THROW(parse_message(R"({"jsonrpc": "2.0", "a": )" + deep + "}"), FramingError);
}

TEST(Messages, TextThatIsNotUtf8IsStillSent) {
  FrameReader reader;
  Frame frame;
  const std::string bytes = encode_json(error(1, internal_error, "driver: \xff\xfe"));
  reader.feed(bytes.data(), bytes.size());
  ASSERT_TRUE(reader.next(frame));
  EXPECT_THAT(parse_message(frame.bytes)["error"]["message"].get<std::string>(), HasSubstr("driver: "));
}

TEST(Announcements, GoThereAndBack) {
  const std::string hash(64, 'a');
  const Announcement read = announcement_from_json(to_json({7, hash}));
  EXPECT_EQ(read.size, 7u);
  EXPECT_EQ(read.sha256, hash);
  for (const char* bad : {R"(null)", R"({})", R"({"size": -1, "sha256": "aa"})", R"({"size": 1, "sha256": 3})",
                          R"({"size": 1, "sha256": "aa"})"})
    EXPECT_THROW(announcement_from_json(nlohmann::json::parse(bad)), FramingError) << bad;
  EXPECT_THROW(announcement_from_json({{"size", 1}, {"sha256", std::string(64, 'A')}}), FramingError);
}

TEST(Printable, FitsOneLine) {
  EXPECT_EQ(printable("a\nb\x1b[0m\xc3\xa9"), "a?b?[0m??");
  EXPECT_EQ(printable(std::string(300, 'x'), 10), "xxxxxxx...");
}

}  // namespace
}  // namespace automask::protocol
