#include "server/docker/container_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing.h"

namespace fulcrum::server::docker {
namespace {

using fulcrum::testing::ErrorIs;
using fulcrum::testing::IsOkAndHolds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// Four containers, newest first, and the names that a query shows.
class ContainerFilterTest : public ::testing::Test {
 protected:
  ContainerFilterTest() {
    base_.rootfs.diff_ids = {Digest("sha256:aa")};
    base_.history = {{.created_by = "one"}};
    child_ = base_;
    child_.rootfs.diff_ids.emplace_back("sha256:bb");
    child_.history.push_back({.created_by = "two"});
    auto& web = add("web-1", "d1", api::Phase::running, "base");
    web.spec.labels = {{"tier", "front"}};
    web.status.ports = {{.host_port = 8080, .port = 80}};
    web.status.health.status = "healthy";
    web.status.networks = {{.network = "default"}};
    auto& db = add("db", "c1", api::Phase::paused, "child");
    db.spec.networks = {{.name = "back"}};
    db.status.mounts = {{.type = "volume", .name = "data", .source = "/v/data", .target = "/var/lib"}};
    auto& job = add("job", "b1", api::Phase::stopped, "child");
    job.status.exit_code = 3;
    job.status.started = Time(std::chrono::seconds(5));
    job.spec.network = "none";
    add("web-2", "a1", api::Phase::created, "base");
  }
  api::Workload& add(const std::string& name, const std::string& uid, api::Phase phase, const std::string& image) {
    api::Workload w;
    w.spec.name = name;
    w.metadata.uid = uid;
    w.status.phase = phase;
    w.status.image_id = image;
    return containers_.emplace_back(std::move(w));
  }
  const oci::ImageConfig& image(const std::string& id) const { return id == "base" ? base_ : child_; }

  Result<std::vector<std::string>> shown(const std::string& filters, const std::string& rest = "all=1") {
    auto query = TRY(http::Query::parse(rest));
    if (!filters.empty()) query.add("filters", filters);
    const NetworkIds networks{{"default", "n0"}, {"back", "beef01"}};
    const FilterLookups lookups{.container = [&](const std::string& reference) -> Result<api::Workload> {
                                  for (const auto& w : containers_)
                                    if (w.spec.name == reference) return w;
                                  return fail(Code::not_found, "No such container: {}", reference);
                                },
                                .image = [&](const std::string& reference) -> std::optional<std::pair<std::string, oci::ImageConfig>> {
                                  if (reference != "base" && reference != "child") return std::nullopt;
                                  return std::pair(reference, image(reference));
                                },
                                .networks = networks};
    auto filter = TRY(ContainerFilter::parse(query, lookups));
    std::vector<std::string> names;
    for (const auto& w : containers_) {
      const auto verdict = filter({.container = w, .image = image(w.status.image_id)}, names.size());
      if (verdict == ContainerFilter::Verdict::stop) break;
      if (verdict == ContainerFilter::Verdict::show) names.push_back(w.spec.name);
    }
    return names;
  }

  std::vector<api::Workload> containers_;
  oci::ImageConfig base_, child_;
};

TEST_F(ContainerFilterTest, ShowsWhatRunsUnlessAskedForAll) {
  EXPECT_THAT(shown("", ""), IsOkAndHolds(ElementsAre("web-1", "db")));
  EXPECT_THAT(shown(""), IsOkAndHolds(ElementsAre("web-1", "db", "job", "web-2")));
  EXPECT_THAT(shown("", "limit=3"), IsOkAndHolds(ElementsAre("web-1", "db", "job"))) << "a limit counts all";
  EXPECT_THAT(shown(R"({"status":["exited"]})", ""), IsOkAndHolds(ElementsAre("job"))) << "a status shows what does not run";
}

TEST_F(ContainerFilterTest, NamesArePatterns) {
  EXPECT_THAT(shown(R"({"name":["web"]})"), IsOkAndHolds(ElementsAre("web-1", "web-2")));
  EXPECT_THAT(shown(R"({"name":["^/web-[0-9]$"]})"), IsOkAndHolds(ElementsAre("web-1", "web-2")));
  EXPECT_THAT(shown(R"({"name":["^web-1$","^job$"]})"), IsOkAndHolds(ElementsAre("web-1", "job")));
  EXPECT_THAT(shown(R"({"name":["("]})"), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(shown(R"({"id":["b"]})"), IsOkAndHolds(ElementsAre("job")));
}

TEST_F(ContainerFilterTest, LabelsHealthAndExitCodes) {
  EXPECT_THAT(shown(R"({"label":["tier"]})"), IsOkAndHolds(ElementsAre("web-1")));
  EXPECT_THAT(shown(R"({"label":["tier=back"]})"), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(shown(R"({"health":["healthy"]})"), IsOkAndHolds(ElementsAre("web-1")));
  EXPECT_THAT(shown(R"({"exited":["3"]})"), IsOkAndHolds(ElementsAre("job")));
  EXPECT_THAT(shown(R"({"exited":["0"]})"), IsOkAndHolds(IsEmpty())) << "what never ran has not exited";
  EXPECT_THAT(shown(R"({"is-task":["true"]})"), IsOkAndHolds(IsEmpty()));
}

TEST_F(ContainerFilterTest, BeforeAndSinceFollowTheOrderOfCreation) {
  EXPECT_THAT(shown(R"({"before":["db"]})"), IsOkAndHolds(ElementsAre("job", "web-2")));
  EXPECT_THAT(shown(R"({"since":["job"]})"), IsOkAndHolds(ElementsAre("web-1", "db")));
  EXPECT_THAT(shown(R"({"since":["nosuch"]})"), ErrorIs(Code::not_found, "nosuch"));
}

TEST_F(ContainerFilterTest, ImagesNetworksVolumesAndPorts) {
  EXPECT_THAT(shown(R"({"ancestor":["child"]})"), IsOkAndHolds(ElementsAre("db", "job")));
  EXPECT_THAT(shown(R"({"ancestor":["base"]})"), IsOkAndHolds(ElementsAre("web-1", "db", "job", "web-2")));
  EXPECT_THAT(shown(R"({"ancestor":["nosuch"]})"), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(shown(R"({"network":["bridge"]})"), IsOkAndHolds(ElementsAre("web-1", "web-2")));
  EXPECT_THAT(shown(R"({"network":["bee"]})"), IsOkAndHolds(ElementsAre("db"))) << "by ID";
  EXPECT_THAT(shown(R"({"network":["none"]})"), IsOkAndHolds(ElementsAre("job")));
  EXPECT_THAT(shown(R"({"volume":["data"]})"), IsOkAndHolds(ElementsAre("db")));
  EXPECT_THAT(shown(R"({"volume":["/var/lib"]})"), IsOkAndHolds(ElementsAre("db")));
  EXPECT_THAT(shown(R"({"publish":["8000-8100"]})"), IsOkAndHolds(ElementsAre("web-1")));
  EXPECT_THAT(shown(R"({"expose":["80/tcp"]})"), IsOkAndHolds(ElementsAre("web-1")));
  EXPECT_THAT(shown(R"({"expose":["80/udp"]})"), IsOkAndHolds(IsEmpty()));
}

TEST_F(ContainerFilterTest, RefusesWhatItDoesNotKnowByName) {
  EXPECT_THAT(shown(R"({"colour":["red"]})"), ErrorIs(Code::invalid_argument, "colour"));
  EXPECT_THAT(shown(R"({"status":["asleep"]})"), ErrorIs(Code::invalid_argument, "status=asleep"));
  EXPECT_THAT(shown(R"({"health":["ill"]})"), ErrorIs(Code::invalid_argument, "health=ill"));
  EXPECT_THAT(shown(R"({"exited":["x"]})"), ErrorIs(Code::invalid_argument, "exited=x"));
  EXPECT_THAT(shown(R"({"publish":["1:2"]})"), ErrorIs(Code::invalid_argument, "publish=1:2"));
  EXPECT_THAT(shown("{"), ErrorIs(Code::invalid_argument, "filter"));
}

TEST(CommandText, QuotesWhatHasBlanks) {
  EXPECT_EQ(command_text({"sh", "-c", "echo a"}), "sh -c 'echo a'");
  EXPECT_EQ(command_text({"/bin/true"}), "/bin/true");
  EXPECT_EQ(command_text({}), "");
}

TEST(ContainerPorts, PublishedOnEveryAddressStandsForBothFamilies) {
  api::Workload w;
  w.status.ports = {{.host_port = 8080, .port = 80}, {.host_ip = "127.0.0.1", .host_port = 53, .port = 53, .protocol = "udp"}};
  w.spec.expose = {"80/tcp", "9000"};
  const auto ports = container_ports(w, {});
  ASSERT_EQ(ports.size(), 4u);
  EXPECT_EQ(ports[0], (api::docker::Port{.ip = "", .private_port = 9000, .public_port = 0, .type = "tcp"}));
  EXPECT_EQ(ports[1], (api::docker::Port{.ip = "0.0.0.0", .private_port = 80, .public_port = 8080, .type = "tcp"}));
  EXPECT_EQ(ports[2], (api::docker::Port{.ip = "127.0.0.1", .private_port = 53, .public_port = 53, .type = "udp"}));
  EXPECT_EQ(ports[3], (api::docker::Port{.ip = "::", .private_port = 80, .public_port = 8080, .type = "tcp"}));
}

TEST(ContainerEndpoints, AreNamedAsDockerNamesThem) {
  api::Workload w;
  w.status.networks = {{.network = "default", .endpoint_id = "e", .ip = "10.1.0.2", .prefix = 16, .gateway = "10.1.0.1", .mac = "02:00"}};
  const auto endpoints = container_endpoints(w, {{"default", "id0"}});
  ASSERT_EQ(endpoints.size(), 1u);
  EXPECT_EQ(endpoints.begin()->first, "bridge");
  EXPECT_EQ(endpoints.begin()->second.network_id, "id0");
  EXPECT_EQ(endpoints.begin()->second.ip_address, "10.1.0.2");
  EXPECT_EQ(network_mode(w.spec), "bridge");
  w.spec.network = "none";
  w.status.networks.clear();
  EXPECT_EQ(container_endpoints(w, {}).count("none"), 1u);
  EXPECT_EQ(network_mode(w.spec), "none");
}

}  // namespace
}  // namespace fulcrum::server::docker
