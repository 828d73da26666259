#include "agent/qemu/guest_config.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace unik::agent {
namespace {

const InstanceId kId{Symbol("default"), Symbol("web"), 0, 42, 1};

// Fields by line; none of the tests has a line feed in a value.
std::string text_of(const BootSpec& boot, const runtimes::ImageConfig& image) {
  Result<std::string> config = guest_config(kId, boot, image);
  if (!config.ok()) return config.error().reason;
  std::replace(config->begin(), config->end(), '\0', '\n');
  return *config;
}

runtimes::ImageConfig image_of(std::vector<std::string> entrypoint) {
  runtimes::ImageConfig image;
  image.entrypoint = std::move(entrypoint);
  return image;
}

TEST(GuestConfig, DefaultsAreLeftOut) {
  EXPECT_EQ(text_of({}, image_of({"/app/x"})),
            "unikctl-guest=1\narg=/app/x\nhostname=web-0-r42-1\naddress=10.0.2.15/24\ngateway=10.0.2.2\n"
            "dns=10.0.2.3\nend=\n");
}

TEST(GuestConfig, TheAppsWordsGoOverTheImages) {
  runtimes::ImageConfig image = image_of({"/app/x"});
  image.cmd = {"--default"};
  image.env = {"A=1", "B=2"};
  image.working_dir = "/srv";
  image.user = "0:7";
  BootSpec boot;
  boot.args = {"--port", "80 80"};
  boot.env = {{"B", "3"}};
  boot.writable = RootWritable::kEphemeral;
  boot.debug = true;
  EXPECT_EQ(text_of(boot, image),
            "unikctl-guest=1\narg=/app/x\narg=--port\narg=80 80\nenv=A=1\nenv=B=2\nenv=B=3\ncwd=/srv\nuid=0\ngid=7\n"
            "hostname=web-0-r42-1\naddress=10.0.2.15/24\ngateway=10.0.2.2\ndns=10.0.2.3\nwritable=ephemeral\ntrace=1\n"
            "end=\n");
}

TEST(GuestConfig, UsersAreNumbersOrRoot) {
  runtimes::ImageConfig image = image_of({"x"});
  for (const auto& [user, field] : {std::pair{"root", "uid=0\ngid=0\n"}, std::pair{"33", "uid=33\ngid=33\n"},
                                    std::pair{"1:root", "uid=1\ngid=0\n"}}) {
    image.user = user;
    EXPECT_NE(text_of({}, image).find(field), std::string::npos) << user;
  }
  for (const char* user : {"www-data", "1:users", "-1", "4294967295", "1 ", ":1"}) {
    image.user = user;
    EXPECT_EQ(text_of({}, image), "bad_user") << user;
  }
}

TEST(GuestConfig, WhatInitCannotTakeIsRefusedHere) {
  EXPECT_EQ(text_of({}, image_of({})), "no_program");
  BootSpec boot;
  boot.args.assign(1024, "x");
  EXPECT_EQ(text_of(boot, image_of({"x"})), "bad_boot_config");
  boot.args = {std::string("a\0b", 3)};
  EXPECT_EQ(text_of(boot, image_of({"x"})), "bad_boot_config");
  boot.args = {std::string(128 * 1024, 'x')};
  EXPECT_EQ(text_of(boot, image_of({"x"})), "bad_boot_config");
  boot.args.assign(3, std::string(100 * 1024, 'x'));
  EXPECT_EQ(text_of(boot, image_of({"x"})), "bad_boot_config");
}

TEST(GuestConfig, AWorkingDirectoryIsOneValue) {
  runtimes::ImageConfig image = image_of({"x"});
  for (const std::string& directory : {std::string("/a\0uid=0", 8), "/" + std::string(128 * 1024, 'x')}) {
    image.working_dir = directory;
    EXPECT_EQ(text_of({}, image), "bad_boot_config");
  }
}

TEST(GuestConfig, AnErrorNeverHoldsAValue) {
  BootSpec boot;
  boot.env = {{"TOKEN", std::string("s3cr3t\0x", 8)}};
  const Result<std::string> config = guest_config(kId, boot, image_of({"x"}));
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(to_string(config.error()).find("s3cr3t"), std::string::npos);
}

}  // namespace
}  // namespace unik::agent
