// Numbers of the namespace sandbox: `sandbox_bench [runs] [containers]`. One JSON object: medians in milliseconds of each step of a
// container's life, and the mean PSS of a shim with so many containers running.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "sandbox_fixture.h"

namespace fulcrum::sandbox {
namespace {

using Clock = std::chrono::steady_clock;

class Series {
 public:
  template <class F>
  void time(F call) {
    const auto begin = Clock::now();
    call();
    values_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  double median() {
    std::ranges::sort(values_);
    return values_[values_.size() / 2];
  }

 private:
  std::vector<double> values_;
};

void need(const Result<>& result) {
  if (result) return;
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::exit(1);
}

std::int64_t pss_kib(const std::string& pid) {
  const auto text = sys::read_file("/proc/" + pid + "/smaps_rollup");
  const auto at = text ? text->find("\nPss:") : std::string::npos;
  return at == std::string::npos ? 0 : std::strtol(text->c_str() + at + 5, nullptr, 10);
}

void steps(NamespaceFixture& fixture, int runs) {
  Series create, start, wait, exec, remove;
  auto& sandbox = fixture.sandbox();
  for (int i = 0; i < runs; ++i) {
    auto plan = fixture.shell("bench" + std::to_string(i), "");
    plan.spec.command.words = {"true"};
    create.time([&] { need(sandbox.create(plan, StopSource::never())); });
    start.time([&] { need(sandbox.start(plan.id)); });
    wait.time([&] { wait_stopped(sandbox, plan.id); });
    remove.time([&] { need(sandbox.remove(plan.id, false)); });
  }
  const auto plan = fixture.shell("execs", "sleep 1000");
  need(sandbox.create(plan, StopSource::never()));
  need(sandbox.start(plan.id));
  for (int i = 0; i < runs; ++i) {
    exec.time([&] {
      auto client = make_client();
      if (!sandbox.exec(plan.id, "e" + std::to_string(i), {.command = {{"true"}}}, std::move(client.theirs), {})) std::exit(1);
      receive_frames(client.ours.get());
    });
  }
  need(sandbox.remove(plan.id, false));
  std::printf("{\"runs\":%d,\"create\":%.2f,\"start\":%.2f,\"wait\":%.2f,\"remove\":%.2f,\"exec\":%.2f", runs, create.median(),
              start.median(), wait.median(), remove.median(), exec.median());
}

void memory(NamespaceFixture& fixture, int count) {
  std::vector<WorkloadId> ids;
  for (int i = 0; i < count; ++i) {
    const auto plan = fixture.shell("many" + std::to_string(i), "echo up; sleep 1000");
    need(fixture.sandbox().create(plan, StopSource::never()));
    need(fixture.sandbox().start(plan.id));
    ids.push_back(plan.id);
  }
  std::int64_t sum = 0, shims = 0;
  const auto pids = sys::list_directory("/proc");
  for (const auto& pid : *pids) {
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto line = sys::read_file("/proc/" + pid + "/cmdline");
    if (!line || line->find("--directory=" + fixture.config().run_dir) == std::string::npos) continue;
    sum += pss_kib(pid);
    ++shims;
  }
  for (const auto& id : ids) need(fixture.sandbox().remove(id, false));
  std::printf(",\"containers\":%d,\"shims\":%ld,\"shimPssKiB\":%.1f}\n", count, shims,
              shims > 0 ? static_cast<double>(sum) / static_cast<double>(shims) : 0.0);
}

}  // namespace
}  // namespace fulcrum::sandbox

int main(int argc, char** argv) {
  using namespace fulcrum::sandbox;
  if (const char* reason = NamespaceFixture::skip_reason()) {
    std::fprintf(stderr, "%s\n", reason);
    return 77;
  }
  const auto number = [&](int index, int fallback) { return argc > index ? std::atoi(argv[index]) : fallback; };
  NamespaceFixture fixture;
  steps(fixture, std::max(1, number(1, 30)));
  memory(fixture, std::max(1, number(2, 50)));
  return 0;
}
