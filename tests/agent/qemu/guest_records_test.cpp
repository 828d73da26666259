#include "agent/qemu/guest_records.hpp"

#include <gtest/gtest.h>

#include "agent/qemu/vm_outcome.hpp"

namespace unik::agent {
namespace {

GuestRecords read(std::string_view text) {
  GuestRecordParser parser;
  parser.feed(text);
  return parser.records();
}

TEST(GuestRecords, AWholeLifeIsRead) {
  const GuestRecords records = read("boot 1\nstarted 12\nexit 3\n");
  EXPECT_TRUE(records.booted);
  EXPECT_TRUE(records.started);
  EXPECT_EQ(records.exit, (Exit{ExitKind::kExited, 3}));
  EXPECT_EQ(read("boot 1\nstarted 1\nsignal 9\n").exit, (Exit{ExitKind::kSignaled, 9}));
  EXPECT_EQ(read("boot 1\nstarted 1\noom\n").exit, (Exit{ExitKind::kOutOfMemory, 0}));
  EXPECT_EQ(read("boot 1\ninit-error config: cut short\n").init_error, "config: cut short");
}

TEST(GuestRecords, ALineCountsOnceItIsWholeInWhateverPieces) {
  GuestRecordParser parser;
  EXPECT_FALSE(parser.feed("boo"));
  EXPECT_TRUE(parser.feed("t 1\nstar"));
  EXPECT_FALSE(parser.records().started);
  EXPECT_TRUE(parser.feed("ted 7\n"));
  EXPECT_FALSE(parser.feed("exit 5"));
  EXPECT_FALSE(parser.records().exit);
}

TEST(GuestRecords, WhatIsNoRecordIsIgnored) {
  EXPECT_EQ(read("exit\nexit x\nexit 256\nexit -1\nsignal 0\nsignal 65\nnonsense 1\n\n \nEXIT 1\n"), GuestRecords{});
  const std::string noise(100'000, 'x');
  EXPECT_EQ(read(noise + "\nexit 4\n").exit, (Exit{ExitKind::kExited, 4}));
  EXPECT_EQ(read("exit 4" + noise + "\n"), GuestRecords{});
}

TEST(GuestRecords, TheFirstLastRecordCounts) {
  EXPECT_EQ(read("exit 1\nexit 2\nsignal 9\n").exit, (Exit{ExitKind::kExited, 1}));
}

TEST(GuestRecords, ReasonsAreMadePrintable) {
  EXPECT_EQ(read("not-started a\x1b[2Jb\xff\n").not_started, "a?[2Jb?");
}

TEST(VmOutcome, TheGuestsOwnWordComesFirst) {
  VmTrace trace;
  trace.records.booted = true;
  trace.records.exit = Exit{ExitKind::kExited, 7};
  trace.console_tail = "Kernel panic - not syncing: spoofed\n";
  EXPECT_EQ(outcome_of(trace), (VmOutcome{Exit{ExitKind::kExited, 7}, std::nullopt}));
}

TEST(VmOutcome, WithoutOneAPanicOrACrash) {
  VmTrace trace;
  trace.records.booted = true;
  trace.process = Ended{false, 0};
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kCrashed, 0}));
  trace.console_tail = "...\nKernel panic - not syncing: Attempted to kill init!\n";
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kPanicked, 0}));
  trace.console_tail = "Kernel panic - not syncing: System is deadlocked on memory\n";
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kOutOfMemory, 0}));
}

TEST(VmOutcome, WhatAnAppWritesIsNoPanicWhereASignalEndedQemu) {
  VmTrace trace;
  trace.records.booted = true;
  trace.process = Ended{true, 9};
  trace.console_tail = "[    1.0] Kernel panic - not syncing: System is deadlocked on memory\n";
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kCrashed, 0}));
  trace.own_kernel = false;
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kCrashed, 0}));
}

TEST(VmOutcome, AnAppThatDidNotEndWhenAskedWasKilled) {
  VmTrace trace;
  trace.records.booted = true;
  trace.killed = true;
  trace.process = Ended{false, 0};
  trace.console_tail = "app: Kernel panic - not syncing: System is deadlocked on memory\n";
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kSignaled, 9}));
  trace.records.booted = false;
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kCrashed, 0})) << "no app ran yet";
}

TEST(VmOutcome, AQemuThatRefusedSaysWhy) {
  VmTrace trace;
  trace.process = Ended{false, 1};
  trace.stderr_tail = "qemu: could not load kernel";
  const VmOutcome outcome = outcome_of(trace);
  EXPECT_FALSE(outcome.exit);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->reason, "vmm_failed");
  EXPECT_EQ(outcome.error->message, "QEMU ended with status 1: qemu: could not load kernel");
  trace.killed = true;
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kCrashed, 0}));
}

TEST(VmOutcome, AProgramThatCannotRunSaysWhyBesideItsCode) {
  VmTrace trace;
  trace.records.exit = Exit{ExitKind::kExited, 127};
  trace.records.not_started = "cannot run /app/x: No such file or directory";
  const VmOutcome outcome = outcome_of(trace);
  EXPECT_EQ(outcome.exit, (Exit{ExitKind::kExited, 127}));
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->reason, "not_executable");
  trace = VmTrace{};
  trace.records.init_error = "config: unknown key";
  EXPECT_EQ(outcome_of(trace).error->reason, "guest_init_failed");
}

TEST(VmOutcome, AForeignKernelSpeaksByQemusStatus) {
  VmTrace trace;
  trace.own_kernel = false;
  trace.machine_up = true;
  trace.process = Ended{false, 0};
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kExited, 0}));
  trace.process = Ended{false, 7};
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kExited, 3}));
  trace.process = Ended{false, 83};
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kExited, 0}));
  trace.process = Ended{true, 9};
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kCrashed, 0}));
  trace.process.reset();
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kCrashed, 0}));
  trace.shut_down_by_guest = true;
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kExited, 0}));
}

TEST(VmOutcome, AForeignKernelThatFellOverDidNotComplete) {
  VmTrace trace;
  trace.own_kernel = false;
  trace.machine_up = true;
  trace.process = Ended{false, 0};
  trace.reset_by_guest = true;
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kCrashed, 0}));
  trace.console_tail = "Kernel panic - not syncing: Attempted to kill init!\n";
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kPanicked, 0}));
  trace.process = Ended{false, 7};
  EXPECT_EQ(outcome_of(trace).exit, (Exit{ExitKind::kExited, 3}));
}

}  // namespace
}  // namespace unik::agent
