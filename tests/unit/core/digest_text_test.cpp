#include "core/digest_text.h"

#include <gtest/gtest.h>

#include "core/hash.h"

namespace automask::core {
namespace {

TEST(DigestText, IsBase64urlAndBack) {
  const std::string hex = sha256_hex("abc");
  // printf abc | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d =
  EXPECT_EQ(digest_base64(hex), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
  for (int i = 0; i < 1000; ++i) {
    const std::string digest = sha256_hex(std::to_string(i));
    EXPECT_EQ(digest_base64(digest).size(), 43U);
    EXPECT_EQ(digest_hex(digest_base64(digest)), digest);
  }
}

TEST(DigestText, WhatIsNoDigestStays) {
  const std::string hex = sha256_hex("abc"), text = digest_base64(hex);
  std::string upper = hex, dotted = text, impossible = text;
  upper[0] = 'B';
  dotted[7] = '.';
  impossible.back() = 'b';  // its last two bits are of no byte
  for (const std::string& other : {std::string(), std::string("k0"), hex.substr(1), hex + "0", upper}) {
    EXPECT_EQ(digest_base64(other), other);
    EXPECT_EQ(digest_hex(other), other);
  }
  for (const std::string& other : {dotted, impossible, text.substr(1), text + "A", std::string(43, '=')})
    EXPECT_EQ(digest_hex(other), other);
  EXPECT_EQ(digest_hex(hex), hex);
}

}  // namespace
}  // namespace automask::core
