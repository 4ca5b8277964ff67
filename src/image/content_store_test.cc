#include "image/content_store.h"

#include "base/testing.h"

namespace fulcrum::image {
namespace {

using testing::ErrorIs;
using testing::IsOk;
using testing::TemporaryDirectory;

const Digest kHello("sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");  // "hello"

struct ContentStoreTest : ::testing::Test {
  TemporaryDirectory dir;
  ContentStore store = ContentStore::open(dir / "content").value();
  std::size_t ingests() { return sys::list_directory(dir / "content/ingest")->size(); }
};

TEST(DigestTest, AcceptsTwoAlgorithmsAndNothingElse) {
  EXPECT_OK(parse_digest(kHello.str()));
  EXPECT_OK(parse_digest("sha512:" + std::string(128, 'a')));
  EXPECT_THAT(parse_digest("sha384:" + std::string(96, 'a')), ErrorIs(Code::unimplemented));
  EXPECT_THAT(parse_digest("sha256:" + std::string(63, 'a')), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_digest("sha256:" + std::string(64, 'A')), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_digest("sha256:../../" + std::string(58, 'a')), ErrorIs(Code::invalid_argument));
  EXPECT_THAT(parse_digest(""), ErrorIs(Code::invalid_argument));
  EXPECT_EQ(digest_of("hello"), kHello);
}

TEST_F(ContentStoreTest, StoresOnceAndReadsBack) {
  EXPECT_EQ(store.put("hello").value(), kHello);
  EXPECT_EQ(store.put("hello").value(), kHello);
  EXPECT_EQ(store.read(kHello).value(), "hello");
  EXPECT_EQ(store.stat(kHello)->size, 5U);
  EXPECT_EQ(store.list()->size(), 1U);
  EXPECT_EQ(ingests(), 0U);
  EXPECT_OK(store.remove(kHello));
  EXPECT_OK(store.remove(kHello));
  EXPECT_THAT(store.open(kHello), ErrorIs(Code::not_found));
}

TEST_F(ContentStoreTest, ResumesByKey) {
  {
    auto first = store.writer({.key = "k", .digest = kHello, .size = 5}).value();
    ASSERT_OK(first.write("he"));
    EXPECT_THAT(store.writer({.key = "k", .digest = kHello}), ErrorIs(Code::aborted));
  }
  auto second = store.writer({.key = "k", .digest = kHello, .size = 5}).value();
  EXPECT_EQ(second.offset(), 2U);
  ASSERT_OK(second.write("llo"));
  EXPECT_EQ(second.commit().value(), kHello);
  EXPECT_EQ(ingests(), 0U);
}

TEST_F(ContentStoreTest, RestartForgets) {
  auto writer = store.writer({.key = "k", .digest = kHello, .size = 5}).value();
  ASSERT_OK(writer.write("xx"));
  ASSERT_OK(writer.restart());
  EXPECT_EQ(writer.offset(), 0U);
  ASSERT_OK(writer.write("hello"));
  EXPECT_OK(writer.commit());
}

TEST_F(ContentStoreTest, RefusesWrongContentAndLeavesNothing) {
  auto lying = store.writer({.key = "a", .digest = kHello, .size = 5}).value();
  ASSERT_OK(lying.write("hellO"));
  EXPECT_THAT(lying.commit(), ErrorIs(Code::data_loss, "instead of"));
  auto brief = store.writer({.key = "b", .digest = kHello, .size = 5}).value();
  ASSERT_OK(brief.write("hell"));
  EXPECT_THAT(brief.commit(), ErrorIs(Code::data_loss, "4 bytes instead of 5"));
  auto longer = store.writer({.key = "c", .digest = kHello, .size = 5}).value();
  EXPECT_THAT(longer.write("hello!"), ErrorIs(Code::invalid_argument));
  auto bomb = store.writer({.limit = 10}).value();
  EXPECT_THAT(bomb.write("hello hello"), ErrorIs(Code::resource_exhausted));
  EXPECT_THAT(store.writer({.size = 11, .limit = 10}), ErrorIs(Code::resource_exhausted));
  EXPECT_EQ(ingests(), 0U);
  EXPECT_TRUE(store.list()->empty());
}

TEST_F(ContentStoreTest, UnkeyedWritersLeaveNothing) {
  {
    auto writer = store.writer({}).value();
    ASSERT_OK(writer.write("x"));
    EXPECT_EQ(ingests(), 1U);
  }
  EXPECT_EQ(ingests(), 0U);
  ASSERT_OK(sys::write_file_atomic(dir / "content/ingest/tmp-crashed", "x"));
  ASSERT_OK(ContentStore::open(dir / "content"));
  EXPECT_EQ(ingests(), 0U);
}

TEST_F(ContentStoreTest, PrunesPartialsThatNobodyWrites) {
  {
    ASSERT_OK(store.writer({.key = "old"})->write("12345"));
  }
  auto busy = store.writer({.key = "busy"}).value();
  ASSERT_OK(busy.write("123"));
  EXPECT_EQ(store.prune_partial(Time::max()).value(), 5U);
  EXPECT_EQ(ingests(), 1U);
}

TEST_F(ContentStoreTest, NoticesRotOnDisk) {
  ASSERT_OK(store.put("hello"));
  ASSERT_OK(sys::write_existing(store.path(kHello), "jello"));
  EXPECT_THAT(store.read(kHello), ErrorIs(Code::data_loss));
  EXPECT_THAT(store.verify(kHello), ErrorIs(Code::data_loss));
}

TEST_F(ContentStoreTest, Sha512Works) {
  auto hasher = Hasher::create("sha512").value();
  hasher.update("hello");
  const auto digest = hasher.finish();
  auto writer = store.writer({.digest = digest}).value();
  ASSERT_OK(writer.write("hello"));
  EXPECT_EQ(writer.commit().value(), digest);
  EXPECT_EQ(store.read(digest).value(), "hello");
  EXPECT_EQ(store.list()->front().digest, digest);
}

}  // namespace
}  // namespace fulcrum::image
