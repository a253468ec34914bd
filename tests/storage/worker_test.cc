#include "storage/worker.h"

#include <csignal>
#include <memory>
#include <pthread.h>
#include <semaphore>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace cartwheel::storage {
namespace {

TEST(ManualWorker, RunsItsJobWhenItIsWaitedFor) {
  ManualWorker worker(false);
  int runs = 0;
  EXPECT_TRUE(worker.idle());
  worker.Wait();
  worker.Start([&] { ++runs; });
  EXPECT_FALSE(worker.idle());
  EXPECT_EQ(runs, 0);
  worker.Wait();
  worker.Wait();
  EXPECT_TRUE(worker.idle());
  EXPECT_EQ(runs, 1);
}

TEST(ManualWorker, RunsItsJobInStartIfToldSo) {
  ManualWorker worker(true);
  int runs = 0;
  worker.Start([&] { ++runs; });
  EXPECT_TRUE(worker.idle());
  EXPECT_EQ(runs, 1);
}

TEST(ThreadWorker, RunsJobsInAThreadOfItsNameThatTakesNoSignals) {
  const auto worker = NewThreadWorker("a worker");
  std::thread::id id;
  std::string name(16, '\0');
  bool blocked = false;
  worker->Start([&] {
    id = std::this_thread::get_id();
    pthread_getname_np(pthread_self(), name.data(), name.size());
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    blocked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGINT) == 1;
  });
  worker->Wait();
  EXPECT_NE(id, std::this_thread::get_id());
  EXPECT_TRUE(blocked);
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  EXPECT_EQ(sigismember(&mask, SIGTERM), 0) << "the maker still does";
  // The name is given after the first job may have begun.
  worker->Start([&] { pthread_getname_np(pthread_self(), name.data(), name.size()); });
  worker->Wait();
  EXPECT_STREQ(name.c_str(), "a worker");
}

TEST(ThreadWorker, IsIdleOnceItsJobIsDoneAndNotBefore) {
  const auto worker = NewThreadWorker("worker");
  EXPECT_TRUE(worker->idle());
  worker->Wait();
  std::binary_semaphore go(0);
  int result = 0;
  worker->Start([&] {
    go.acquire();
    result = 7;
  });
  EXPECT_FALSE(worker->idle());
  go.release();
  while (!worker->idle()) std::this_thread::yield();
  EXPECT_EQ(result, 7);
}

// Under ThreadSanitizer this says that jobs and their owner need no lock for what they share.
TEST(ThreadWorker, WhatOneSideDidTheOtherSees) {
  const auto worker = NewThreadWorker("worker");
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += 'o';
    worker->Start([&] { text += 'w'; });
    worker->Wait();
  }
  EXPECT_EQ(text.size(), 400U);
}

TEST(ThreadWorker, ItsEndWaitsForTheJobUnderWay) {
  int runs = 0;
  for (int i = 0; i < 100; ++i) {
    const auto worker = NewThreadWorker("worker");
    worker->Start([&] { ++runs; });
  }
  EXPECT_EQ(runs, 100);
}

}  // namespace
}  // namespace cartwheel::storage
