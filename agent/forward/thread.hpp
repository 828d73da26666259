// Threads of the agent's ports: signals are the main thread's business.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <thread>
#include <utility>

namespace unik::agent {

template <typename Run>
std::thread start_thread(Run run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace unik::agent
