#include "server/docker/stats.h"

#include <gtest/gtest.h>

namespace fulcrum::server::docker {
namespace {

TEST(MachineCpu, AddsUpWhatDockerAddsUp) {
  const auto cpu = machine_cpu("cpu  1 2 3 4 5 6 7 100 1000 0\ncpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 0 0 0 0 0 0 0 0 0 0\nintr 5\n");
  EXPECT_EQ(cpu.total_ns, 28u * 10'000'000);
  EXPECT_EQ(cpu.online, 2u);
  EXPECT_EQ(machine_cpu("").online, 0u);
  EXPECT_EQ(machine_cpu("cpu").total_ns, 0u);
}

TEST(ContainerStats, CarryEveryCounterOver) {
  sandbox::Usage usage{.cpu_ns = 10, .cpu_user_ns = 6, .cpu_system_ns = 4, .cpu_periods = 3, .cpu_throttled_periods = 2};
  usage.cpu_per_cpu_ns = {7, 3};
  usage.memory_total = 100;
  usage.memory = 60;
  usage.memory_limit = 1000;
  usage.memory_stat = {{"total_inactive_file", 40}};
  usage.pids = 2;
  usage.devices = {{.major = 8, .minor = 1, .read_bytes = 512, .write_bytes = 1024, .reads = 1, .writes = 2}};
  const std::vector<network::EndpointStats> networks{{.network = "default", .ifname = "eth0", .rx_bytes = 11, .tx_bytes = 22}};
  const auto stats = container_stats(usage, networks, {.total_ns = 99, .online = 2});
  EXPECT_EQ(stats.cpu_stats.cpu_usage.total_usage, 10u);
  EXPECT_EQ(stats.cpu_stats.cpu_usage.percpu_usage, (std::vector<std::uint64_t>{7, 3}));
  EXPECT_EQ(stats.cpu_stats.system_cpu_usage, 99u);
  EXPECT_EQ(stats.cpu_stats.throttling_data.throttled_periods, 2u);
  EXPECT_EQ(stats.memory_stats.usage, 100u) << "clients take the inactive pages off by themselves";
  EXPECT_EQ(stats.memory_stats.stats.at("total_inactive_file"), 40u);
  EXPECT_EQ(stats.networks.at("eth0").tx_bytes, 22u);
  ASSERT_TRUE(stats.blkio_stats.service_bytes);
  ASSERT_EQ(stats.blkio_stats.service_bytes->size(), 2u);
  EXPECT_EQ(stats.blkio_stats.service_bytes->back().op, "write");
  EXPECT_EQ(stats.blkio_stats.service_bytes->back().value, 1024u);
}

}  // namespace
}  // namespace fulcrum::server::docker
