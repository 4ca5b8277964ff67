// Which objects want a look, and when. Keys are put in as often as anybody likes; each is handled by one worker at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "base/wait.h"

namespace fulcrum::control {

/// The delay after the nth failure in a row: 10 ms, doubling, at most 60 s.
std::chrono::nanoseconds failure_backoff(unsigned failures);

/// A set of keys with due times. A key that is added while it is being handled comes out again afterwards. Thread-safe.
class WorkQueue {
 public:
  /// The clock must outlive the queue and should not jump when the time of day is set.
  explicit WorkQueue(const Clock& clock);

  /// Due now.
  void add(const std::string& key) { add_after(key, std::chrono::nanoseconds(0)); }
  /// Due after the delay, or earlier when it is in the queue for an earlier time already.
  void add_after(const std::string& key, std::chrono::nanoseconds delay);
  /// Takes a key that is due, if there is one; it is being handled until done().
  std::optional<std::string> try_take();
  /// Waits for a key that is due. Errors: cancelled.
  [[nodiscard]] Result<std::string> take(const StopSource& stop);
  /// Handling is over.
  void done(const std::string& key);
  /// Handling failed: due again after failure_backoff(). Call before done().
  void fail(const std::string& key);
  /// Handling succeeded: the count of failures starts anew.
  void forget(const std::string& key);
  /// Failures in a row.
  unsigned failures(const std::string& key) const;
  /// When the next key is due; nothing when the queue is empty or all keys are being handled.
  std::optional<Time> next_due() const;
  /// Whether anything is due now.
  bool has_due() const;

 private:
  struct Item {
    std::optional<Time> due;
    bool handled = false;  ///< by a worker, now
    unsigned failures = 0;
  };
  std::optional<std::string> take_locked();
  void wake();

  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<std::string, Item> items_;
  std::set<std::pair<Time, std::string>> order_;  ///< of items that have a due time and are not being handled
  UniqueFd event_;                                ///< a semaphore: one count for each add()
};

/// What reconciling one object came to.
struct Outcome {
  std::optional<std::chrono::nanoseconds> requeue_after;  ///< nothing: settled
};

/// Brings one object nearer to what is wanted. Called by one thread at a time for each key.
class Reconciler {
 public:
  virtual ~Reconciler() = default;
  [[nodiscard]] virtual Result<Outcome> reconcile(const std::string& key) = 0;
  /// For logs.
  virtual std::string_view name() const = 0;
};

/// Handles one key that was taken: reconciles, requeues, backs off, and logs a failure.
void handle(WorkQueue& queue, Reconciler& reconciler, const std::string& key);

/// Threads that handle a queue's keys. Starts with one; another one joins whenever all are busy, up to `max`.
class WorkerPool {
 public:
  WorkerPool(WorkQueue& queue, Reconciler& reconciler, std::size_t max);
  ~WorkerPool();  ///< ends all threads; what is being handled is finished
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

 private:
  void run();
  void spawn_if_busy();

  WorkQueue& queue_;
  Reconciler& reconciler_;
  std::size_t max_;
  StopSource stop_;
  std::mutex mutex_;  ///< protects the three below
  std::size_t busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace fulcrum::control
