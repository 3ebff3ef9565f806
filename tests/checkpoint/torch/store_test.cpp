#include "bertft/checkpoint/store.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <set>
#include <string>

#include "bertft/checkpoint/checkpoints.h"
#include "bertft/util/error.h"
#include "bertft/util/file.h"
#include "bertft/weights/safetensors.h"
#include "temporary_directory.h"

namespace bertft::checkpoint {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

Snapshot snapshot(std::int64_t step, const Retention& retention = {}) {
  return {.step = step,
          .model = {{"encoder.weight", at::full({2, 3}, static_cast<double>(step))}},
          .optimizer = {{"exp_avg.encoder.weight", at::full({2, 3}, 0.5)}},
          .files = {{"config.json", "{}\n"}, {"trainer_state.json", R"({"global_step": 1})"}},
          .retention = retention};
}

class StoreTest : public testing::Test {
 protected:
  void save(const Snapshot& wanted) {
    Store store(run_.path());
    store.save(wanted);
    store.wait();
  }

  float first_weight(std::int64_t step) const {
    const weights::SafetensorsFile file(directory_of(run_.path(), step) + "/model.safetensors");
    float value = 0;
    std::memcpy(&value, file.tensors().at("encoder.weight").bytes.data(), sizeof value);
    return value;
  }

  TemporaryDirectory run_;
};

TEST_F(StoreTest, WritesACheckpointThatVerifiesAndReadsBack) {
  save(snapshot(7));
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-7"));
  const std::string directory = directory_of(run_.path(), 7);
  EXPECT_NO_THROW(verify(directory));
  EXPECT_EQ(read_file(directory + "/config.json"), "{}\n");
  EXPECT_EQ(first_weight(7), 7.0F);
  const std::vector<NamedTensor> moments = read_optimizer(directory);
  ASSERT_THAT(moments, SizeIs(1));
  EXPECT_EQ(moments[0].name, "exp_avg.encoder.weight");
  EXPECT_TRUE(at::equal(moments[0].tensor, at::full({2, 3}, 0.5)));
}

TEST_F(StoreTest, WritesATableWholeOfWhichRowsLieAside) {
  const at::Tensor held = at::tensor({1, 4}, at::kLong), others = at::tensor({0, 2, 3}, at::kLong);
  const at::Tensor table = at::arange(15, at::kFloat).view({5, 3}), rows = at::tensor({1, 4}, at::kInt);
  for (const auto save_it : {&Store::save, &Store::save_and_wait}) {
    Snapshot taken = snapshot(3);
    taken.model.push_back({"words.weight", table.index_select(0, held)});
    taken.optimizer.push_back({"rows.words.weight", rows});
    taken.table = {"words.weight", {1, 4}, table.index_select(0, others)};
    Store store(run_.path());
    (store.*save_it)(taken, [](bool) {});
    store.wait();
    const std::string directory = directory_of(run_.path(), 3);
    const weights::SafetensorsFile file(directory + "/model.safetensors");
    EXPECT_THAT(file.tensors().at("words.weight").shape, ElementsAre(5, 3));
    EXPECT_EQ(std::memcmp(file.tensors().at("words.weight").bytes.data(), table.const_data_ptr(), table.nbytes()), 0);
    const std::vector<NamedTensor> read = read_optimizer(directory);
    ASSERT_THAT(read, SizeIs(2));
    EXPECT_TRUE(at::equal(read[0].tensor, at::full({2, 3}, 0.5)));
    EXPECT_TRUE(at::equal(read[1].tensor, rows));
  }
}

TEST_F(StoreTest, KeepsTheValuesOfTheMomentItWasAskedWhileTrainingGoesOn) {
  Store store(run_.path());
  const Snapshot taken = snapshot(3);
  at::Tensor weight = taken.model[0].tensor;
  store.save(taken, [&](bool in_background) {
    EXPECT_TRUE(in_background);
    weight.fill_(-1);
  });
  store.wait();
  EXPECT_EQ(first_weight(3), 3.0F);
}

TEST_F(StoreTest, WritesTheTensorsThemselvesWhereTheCallerWaits) {
  Store store(run_.path());
  const Snapshot taken = snapshot(3);
  at::Tensor weight = taken.model[0].tensor;
  store.save_and_wait(taken, [&](bool in_background) {
    EXPECT_FALSE(in_background);
    weight.fill_(-1);
  });
  EXPECT_FALSE(store.is_writing());
  EXPECT_NO_THROW(verify(directory_of(run_.path(), 3)));
  EXPECT_EQ(first_weight(3), -1.0F);  // a copy would have been made before
}

TEST_F(StoreTest, CallsBackBeforeAnythingIsWritten) {
  for (const auto save : {&Store::save, &Store::save_and_wait}) {
    Store store(run_.path());
    std::set<std::string> there = {"not called"};
    (store.*save)(snapshot(3), [&](bool) { there = run_.names(); });
    store.wait();
    EXPECT_THAT(there, IsEmpty());
    fs::remove_all(run_ / "checkpoint-3");
  }
}

TEST_F(StoreTest, WritesAStepAgainInPlaceOfTheOlderOne) {
  save(snapshot(3));
  Snapshot again = snapshot(3);
  again.model[0].tensor.fill_(9);
  save(again);
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-3"));
  EXPECT_EQ(first_weight(3), 9.0F);
}

TEST_F(StoreTest, KeepsTheNewestAndTheBestBesides) {
  const Retention two{.newest = 2, .best_step = 1};
  for (const std::int64_t step : {1, 2, 3, 4}) save(snapshot(step, two));
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-1", "checkpoint-3", "checkpoint-4"));
  Store(run_.path()).prune(4, {.newest = 1, .best_step = 4});
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-4"));
}

TEST_F(StoreTest, CountsNoLaterCheckpointAndNoneOfOthers) {
  save(snapshot(9));
  fs::create_directory(run_ / "checkpoint-1");
  run_.write("checkpoint-1/manifest.json", R"({"format": "another program's"})");
  fs::create_directory(run_ / "checkpoint-2");  // without a manifest
  save(snapshot(3, {.newest = 1, .best_step = std::nullopt}));
  save(snapshot(4, {.newest = 1, .best_step = std::nullopt}));
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-1", "checkpoint-2", "checkpoint-4", "checkpoint-9"));
}

TEST_F(StoreTest, KeepsAllWithoutALimit) {
  for (const std::int64_t step : {1, 2, 3}) save(snapshot(step));
  EXPECT_THAT(run_.names(), SizeIs(3));
}

TEST_F(StoreTest, RemovesWhatAKilledProcessLeftHalfDone) {
  fs::create_directory(run_ / ".tmp-5-123");
  run_.write(".tmp-5-123/model.safetensors", "half");
  fs::create_directory(run_ / ".trash-checkpoint-2");
  run_.write(".tmp-123-0", "half");
  for (const char* mine : {"notes.txt", ".tmp-mine", ".tmp-1-2-3", ".tmp-5", ".trash-mine"}) run_.write(mine, "mine");
  const Store store(run_.path());
  EXPECT_THAT(run_.names(),
              testing::UnorderedElementsAre("notes.txt", ".tmp-mine", ".tmp-1-2-3", ".tmp-5", ".trash-mine"));
}

TEST_F(StoreTest, TakesBackACheckpointWhoseReplacementNeverCame) {
  save(snapshot(2));
  fs::rename(run_ / "checkpoint-2", run_ / ".trash-checkpoint-2");
  std::vector<std::string> skipped;
  EXPECT_FALSE(newest_good(run_.path(), skipped));  // only looks
  restore_replaced(run_.path());
  const auto found = newest_good(run_.path(), skipped);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 2);
  EXPECT_NO_THROW(verify(found->directory));
}

TEST_F(StoreTest, DoesNotTakeBackACheckpointThatWasBeingDeleted) {
  save(snapshot(1));
  save(snapshot(2));
  fs::rename(run_ / "checkpoint-2", run_ / ".trash-checkpoint-2");
  fs::remove(run_ / ".trash-checkpoint-2/model.safetensors");
  restore_replaced(run_.path());
  EXPECT_THAT(run_.names(), ElementsAre(".trash-checkpoint-2", "checkpoint-1"));
}

TEST_F(StoreTest, DoesNotTakeBackACheckpointBesideItsReplacement) {
  save(snapshot(2));
  fs::copy(run_ / "checkpoint-2", run_ / ".trash-checkpoint-2");
  restore_replaced(run_.path());
  EXPECT_THAT(run_.names(), ElementsAre(".trash-checkpoint-2", "checkpoint-2"));
}

TEST_F(StoreTest, ReportsAFailedSaveAtTheNextWaitAndLeavesNothing) {
  save(snapshot(1));
  Store store(run_.path());
  Snapshot bad = snapshot(2, {.newest = 1, .best_step = {}});
  bad.files["no-such-folder/file"] = "";
  store.save(bad);
  EXPECT_THROW(store.wait(), StorageError);
  EXPECT_NO_THROW(store.wait());  // said once
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-1"));
}

TEST_F(StoreTest, TellsOfTheEndOfASaveToWhoeverAsksMeanwhile) {
  Store store(run_.path());
  Snapshot bad = snapshot(1);
  bad.files["no-such-folder/file"] = "";
  store.save(bad);
  EXPECT_TRUE(store.is_writing());
  const auto until_it_has_ended = [&] {
    while (store.is_writing()) store.notice_end();
  };
  EXPECT_THROW(until_it_has_ended(), StorageError);
  EXPECT_FALSE(store.is_writing());
  store.save(snapshot(2));
  EXPECT_NO_THROW(until_it_has_ended());
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-2"));
}

TEST_F(StoreTest, ListsCheckpointsByNumberNewestFirst) {
  for (const char* name :
       {"checkpoint-9", "checkpoint-10", "checkpoint-", "checkpoint-1x", "checkpoint--", "other-3"}) {
    fs::create_directory(run_ / name);
  }
  run_.write("checkpoint-11", "a file");
  std::vector<std::int64_t> steps;
  for (const Found& found : list_checkpoints(run_.path())) steps.push_back(found.step);
  EXPECT_THAT(steps, ElementsAre(10, 9));
  EXPECT_THAT(list_checkpoints(run_ / "no-such"), IsEmpty());
}

// What may befall a checkpoint on a disk, and the word that names it.
struct Damage {
  const char* name;
  std::function<void(const std::string& directory)> inflict;
  const char* said;
};

class DamagedCheckpoint : public StoreTest, public testing::WithParamInterface<Damage> {};

TEST_P(DamagedCheckpoint, IsNamedAndPassedOverForTheOneBefore) {
  save(snapshot(1));
  save(snapshot(2));
  GetParam().inflict(directory_of(run_.path(), 2));
  EXPECT_THAT([&] { verify(directory_of(run_.path(), 2)); },
              testing::ThrowsMessage<CheckpointError>(HasSubstr(GetParam().said)));
  std::vector<std::string> skipped;
  const auto found = newest_good(run_.path(), skipped);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->step, 1);
  EXPECT_THAT(skipped, ElementsAre(testing::AllOf(HasSubstr("checkpoint-2"), HasSubstr("passed over"))));
}

void replace_in_manifest(const std::string& directory, const std::string& what, const std::string& by) {
  std::string manifest = read_file(directory + "/manifest.json");
  const std::size_t at = manifest.find(what);
  ASSERT_NE(at, std::string::npos);
  write_file_atomically(directory + "/manifest.json", manifest.replace(at, what.size(), by));
}

INSTANTIATE_TEST_SUITE_P(
    OfAllKinds, DamagedCheckpoint,
    testing::Values(
        Damage{"FlippedBit",
               [](const std::string& d) {
                 std::string bytes = read_file(d + "/optimizer.safetensors");
                 bytes.back() ^= 1;
                 write_file_atomically(d + "/optimizer.safetensors", bytes);
               },
               "optimizer.safetensors has another content"},
        Damage{"CutShort", [](const std::string& d) { fs::resize_file(d + "/model.safetensors", 40); },
               "model.safetensors has another size"},
        Damage{"MissingFile", [](const std::string& d) { fs::remove(d + "/config.json"); }, "config.json is missing"},
        Damage{"MissingManifest", [](const std::string& d) { fs::remove(d + "/manifest.json"); }, "manifest.json"},
        Damage{"EmptyManifest", [](const std::string& d) { write_file_atomically(d + "/manifest.json", ""); },
               "manifest.json"},
        Damage{"ManifestThatLeadsOut",
               [](const std::string& d) { replace_in_manifest(d, "\"config.json\"", "\"../config.json\""); },
               "does not list files"},
        Damage{"BytesThatAreText",
               [](const std::string& d) { replace_in_manifest(d, "\"bytes\": ", "\"bytes\": \"\", \"b\": "); },
               "does not list files"},
        Damage{"VersionThatIsText",
               [](const std::string& d) { replace_in_manifest(d, "\"version\": 2", "\"version\": \"2\""); },
               "format version \"2\""}),
    [](const auto& damage) { return damage.param.name; });

TEST_F(StoreTest, PassesOverNothingThatAnotherVersionMayRead) {
  save(snapshot(1));
  save(snapshot(2));
  replace_in_manifest(directory_of(run_.path(), 2), "\"version\": 2", "\"version\": 99");
  std::vector<std::string> skipped;
  EXPECT_THAT([&] { newest_good(run_.path(), skipped); },
              testing::ThrowsMessage<OtherFormatError>(HasSubstr("checkpoint-2 has format version 99")));
}

TEST_F(StoreTest, FindsNothingWhereNothingIsGood) {
  std::vector<std::string> skipped;
  EXPECT_FALSE(newest_good(run_.path(), skipped));
  EXPECT_THAT(skipped, IsEmpty());
  EXPECT_THROW(verify(run_ / "checkpoint-1"), InputError);
}

TEST_F(StoreTest, MakesTheModelOfACheckpointTheRunsOwn) {
  save(snapshot(1));
  save(snapshot(2));
  publish_model(directory_of(run_.path(), 1), run_.path(), "{}");
  publish_model(directory_of(run_.path(), 2), run_.path(), "{\"epoch\": 2}");
  publish_model(directory_of(run_.path(), 2), run_.path(), "{\"epoch\": 2}");  // again, as after a crash
  EXPECT_THAT(run_.names(),
              ElementsAre("checkpoint-1", "checkpoint-2", "config.json", "model.safetensors", "trainer_state.json"));
  EXPECT_EQ(read_file(run_ / "model.safetensors"), read_file(run_ / "checkpoint-2/model.safetensors"));
  EXPECT_EQ(read_file(run_ / "trainer_state.json"), "{\"epoch\": 2}");
}

TEST_F(StoreTest, CopiesACheckpointIntoAnotherRun) {
  save(snapshot(1));
  std::filesystem::create_directory(run_ / "checkpoint-1/onnx");  // somebody's own
  const TemporaryDirectory other;
  copy_checkpoint(directory_of(run_.path(), 1), directory_of(other.path(), 1));
  EXPECT_THAT(other.names(), ElementsAre("checkpoint-1"));
  EXPECT_NO_THROW(verify(other / "checkpoint-1"));
  EXPECT_FALSE(std::filesystem::exists(other / "checkpoint-1/onnx"));
  EXPECT_THROW(copy_checkpoint(directory_of(run_.path(), 1), other / "none/checkpoint-1"), StorageError);
}

TEST_F(StoreTest, PublishesTheModelOfASnapshotWithoutACheckpoint) {
  save(snapshot(1));
  Store(run_.path()).publish(snapshot(2));
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-1", "config.json", "model.safetensors", "trainer_state.json"));
  save(snapshot(2));
  EXPECT_EQ(read_file(run_ / "model.safetensors"), read_file(run_ / "checkpoint-2/model.safetensors"));
}

TEST_F(StoreTest, LeavesTheModelThatWasPublishedBeforeWhereTheNextCannotBeWritten) {
  save(snapshot(1));
  publish_model(directory_of(run_.path(), 1), run_.path(), "{}");
  Snapshot bad = snapshot(2);
  bad.files["no-such-folder/file"] = "";
  EXPECT_THROW(Store(run_.path()).publish(bad), StorageError);
  EXPECT_THAT(run_.names(), ElementsAre("checkpoint-1", "config.json", "model.safetensors", "trainer_state.json"));
  EXPECT_EQ(read_file(run_ / "model.safetensors"), read_file(run_ / "checkpoint-1/model.safetensors"));
}

}  // namespace
}  // namespace bertft::checkpoint
