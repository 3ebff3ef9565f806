#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>

#include "bertft/util/error.h"
#include "message_of.h"
#include "real_data.h"
#include "weights/bytes.h"
#include "weights/model_fixture.h"

namespace bertft::weights {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string refusal_of(const TinyModel& model, Head head = Head::kMayBeMissing) {
  const std::string message = message_of<WeightsError>([&] { model.save_and_read(head); });
  EXPECT_THAT(message, HasSubstr(model.path()));
  EXPECT_LE(std::ranges::count(message, '\n'), 2);
  return message;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  if (const auto at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

TEST(ModelWeights, LoadsAQuestionAnsweringModelWhole) {
  const TinyModel model;
  const ModelWeights checkpoint = model.save_and_read(Head::kRequired);
  EXPECT_EQ(checkpoint.tensors.size(), 5U + 2 * 16 + 2);
  EXPECT_THAT(checkpoint.missing, IsEmpty());
  EXPECT_EQ(checkpoint.summary(), "loaded 39/39 tensors");
}

TEST(ModelWeights, LoadsABaseModelAndSaysSoCalmly) {
  TinyModel model;
  model.remove_head();
  model.tensors["bert.pooler.dense.weight"] = filled({4, 4}, 0);
  model.tensors["bert.pooler.dense.bias"] = filled({4}, 0);
  model.tensors["bert.embeddings.position_ids"] = filled({1, 8}, 0, DType::kI64);
  for (const char* name : {"bias", "decoder.weight", "transform.LayerNorm.beta"}) {
    model.tensors[std::string("cls.predictions.") + name] = filled({4}, 0);
  }
  const ModelWeights checkpoint = model.save_and_read();
  EXPECT_THAT(checkpoint.missing, ElementsAre("qa_outputs.weight", "qa_outputs.bias"));
  EXPECT_EQ(checkpoint.summary(),
            "loaded 37/39 tensors; qa_outputs.{weight,bias} newly initialised (expected for a base model); "
            "ignored: cls.* (3), bert.pooler.* (2), bert.embeddings.position_ids");
}

TEST(ModelWeights, ReadsTheNamesOfTensorFlowsLayerNorm) {
  TinyModel model;
  model.rename_all([](const std::string& name) {
    return replaced(replaced(name, "LayerNorm.weight", "LayerNorm.gamma"), "LayerNorm.bias", "LayerNorm.beta");
  });
  ASSERT_TRUE(model.tensors.contains("bert.encoder.layer.1.output.LayerNorm.gamma"));
  EXPECT_EQ(model.save_and_read().summary(), "loaded 39/39 tensors");
}

TEST(ModelWeights, ReadsABertModelWithoutPrefix) {
  TinyModel model;
  model.remove_head();
  model.rename_all([](const std::string& name) { return replaced(name, "bert.", ""); });
  model.tensors["pooler.dense.weight"] = filled({4, 4}, 0);
  model.tensors["embeddings.position_ids"] = filled({1, 8}, 0, DType::kI64);
  const ModelWeights checkpoint = model.save_and_read();
  EXPECT_EQ(checkpoint.tensors.size(), 37U);
  EXPECT_THAT(checkpoint.ignored, ElementsAre("embeddings.position_ids", "pooler.dense.weight"));
}

TEST(ModelWeights, IgnoresOtherHeadsWhateverTheyHold) {
  TinyModel model;
  model.tensors["classifier.weight"] = filled({3, 4}, std::numeric_limits<float>::quiet_NaN());
  model.tensors["classifier.bias"] = filled({3}, 0, DType::kI32);
  EXPECT_EQ(model.save_and_read().summary(), "loaded 39/39 tensors; ignored: classifier.* (2)");
}

TEST(ModelWeights, AcceptsEveryFloatingPointDType) {
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16}) {
    TinyModel model;
    for (auto& [name, tensor] : model.tensors) tensor = filled(tensor.shape, 0, dtype);
    EXPECT_EQ(model.save_and_read().tensors.at("qa_outputs.bias").dtype, dtype);
  }
}

TEST(ModelWeights, StaysValidWhenMoved) {
  const TinyModel model;
  ModelWeights first = model.save_and_read();
  const ModelWeights second = std::move(first);
  float value = 0;
  std::memcpy(&value, second.tensors.at("qa_outputs.bias").bytes.data(), sizeof value);
  EXPECT_EQ(value, 0.5F);
}

TEST(ModelWeights, OfABaseModelCannotAnswer) {
  TinyModel model;
  model.remove_head();
  EXPECT_THAT(refusal_of(model, Head::kRequired),
              AllOf(HasSubstr("a base model"), HasSubstr("cannot answer questions before training")));
}

TEST(ModelWeights, NeedsBothHalvesOfTheHead) {
  TinyModel model;
  model.tensors.erase("qa_outputs.bias");
  EXPECT_THAT(refusal_of(model), HasSubstr("qa_outputs.bias is missing"));
}

TEST(ModelWeights, RefusesAHeadOfAnotherWidth) {
  TinyModel model;
  model.tensors["qa_outputs.weight"] = filled({3, 4}, 0);
  model.tensors["qa_outputs.bias"] = filled({3}, 0);
  EXPECT_THAT(refusal_of(model), HasSubstr("qa_outputs.weight is [3, 4], expected [2, 4]"));
}

TEST(ModelWeights, ListsThreeMissingTensorsAndCountsTheRest) {
  TinyModel model;
  model.rename_all([](std::string name) { return name.find("layer.1") != std::string::npos ? "" : name; });
  EXPECT_THAT(refusal_of(model), AllOf(HasSubstr("bert.encoder.layer.1.attention.self.query.weight is missing; "),
                                       HasSubstr("self.key.weight is missing; and 13 more\n")));
}

TEST(ModelWeights, RefusesLayersThatTheConfigurationDoesNotKnow) {
  TinyModel model;
  model.tensors["bert.encoder.layer.2.output.dense.bias"] = filled({4}, 0);
  EXPECT_THAT(refusal_of(model), HasSubstr("'bert.encoder.layer.2.output.dense.bias' is no part of the model that "
                                           "config.json describes"));
}

TEST(ModelWeights, RefusesAVocabularyOfAnotherSizeThanTheConfigurations) {
  TinyModel model;
  model.tensors["bert.embeddings.word_embeddings.weight"] = filled({12, 4}, 0);
  EXPECT_THAT(refusal_of(model),
              HasSubstr("bert.embeddings.word_embeddings.weight is [12, 4], expected [11, 4]\nThe shapes follow from "
                        "config.json"));
}

TEST(ModelWeights, RefusesDTypesThatAreNotFloatingPoint) {
  TinyModel model;
  model.tensors["qa_outputs.bias"] = filled({2}, 0, DType::kI32);
  EXPECT_THAT(refusal_of(model),
              HasSubstr("qa_outputs.bias is of dtype I32, expected F32, F16, BF16 or F64\nQuantised weights"));
}

TEST(ModelWeights, RefusesValuesThatAreNotFinite) {
  TinyModel model;
  model.tensors["bert.embeddings.LayerNorm.bias"] = filled({4}, std::numeric_limits<float>::infinity());
  EXPECT_THAT(refusal_of(model), HasSubstr("bert.embeddings.LayerNorm.bias has 4 NaN or infinite of 4 values"));
}

TEST(ModelWeights, RefusesADataParallelWrappersNames) {
  TinyModel model;
  model.rename_all([](const std::string& name) { return "module." + name; });
  EXPECT_THAT(refusal_of(model), AllOf(HasSubstr("'module.bert."), HasSubstr("DataParallel")));
}

TEST(ModelWeights, RefusesAnotherModelsNames) {
  TinyModel model;
  model.rename_all([](const std::string& name) { return "roberta." + name; });
  EXPECT_THAT(
      refusal_of(model),
      HasSubstr("no tensor has the name of a weight of BertForQuestionAnswering; the first of 39 is 'roberta."));
}

TEST(ModelWeights, RefusesTwoTensorsForOneName) {
  TinyModel model;
  model.tensors["bert.embeddings.LayerNorm.gamma"] = filled({4}, 0);
  EXPECT_THAT(refusal_of(model), HasSubstr("two tensors stand for bert.embeddings.LayerNorm.weight"));
}

TEST(ModelWeights, ReportsADamagedFileByItsRule) {
  const TinyModel model;
  model.directory.write("model.safetensors", safetensors("{}", "x"));
  EXPECT_THAT(message_of<WeightsError>([&] { model.read(); }), HasSubstr("rule: data-end"));
}

// One half of the tensors in each of two shards.
class ShardedModel : public TinyModel {
 public:
  ShardedModel() {
    Tensors first, second;
    std::string map;
    for (const auto& [name, tensor] : tensors) {
      const bool is_first = first.size() * 2 < tensors.size();
      (is_first ? first : second)[name] = tensor;
      map += (map.empty() ? "\"" : ",\"") + name + (is_first ? R"(":"a.safetensors")" : R"(":"b.safetensors")");
    }
    save("a.safetensors", first);
    save("b.safetensors", second);
    index = R"({"metadata":{"total_size":1},"weight_map":{)" + map + "}}";
  }

  ModelWeights read_with_index(std::string_view text) const {
    directory.write("model.safetensors.index.json", text);
    return read();
  }
  std::string index_refusal(std::string_view text) const {
    return message_of<WeightsError>([&] { read_with_index(text); });
  }

  std::string index;
};

TEST(ShardedCheckpoint, IsLoadedWhole) {
  const ShardedModel model;
  const ModelWeights checkpoint = model.read_with_index(model.index);
  EXPECT_EQ(checkpoint.files.size(), 2U);
  EXPECT_EQ(checkpoint.summary(), "loaded 39/39 tensors");
}

TEST(ShardedCheckpoint, NamesTheMissingShard) {
  const ShardedModel model;
  std::filesystem::remove(model.directory / "b.safetensors");
  EXPECT_THAT(message_of<InputError>([&] { model.read_with_index(model.index); }),
              AllOf(HasSubstr("b.safetensors: no such file"), HasSubstr("19 tensors")));
}

TEST(ShardedCheckpoint, NamesATensorThatItsShardLacks) {
  const ShardedModel model;
  const std::string more = replaced(model.index, "{\"bert", R"({"cls.bias":"a.safetensors","bert)");
  EXPECT_THAT(model.index_refusal(more), AllOf(HasSubstr("a.safetensors"), HasSubstr("no tensor 'cls.bias'")));
}

TEST(ShardedCheckpoint, RefusesATensorInTwoShards) {
  const ShardedModel model;
  std::filesystem::remove(model.directory / "b.safetensors");
  model.save("b.safetensors", model.tensors);
  EXPECT_THAT(model.index_refusal(model.index), HasSubstr("is in 'a.safetensors' as well"));
}

TEST(ShardedCheckpoint, RefusesFileNamesThatLeaveTheDirectory) {
  const ShardedModel model;
  for (const char* name : {"../a.safetensors", "/etc/passwd", "sub/a.safetensors", "..", ".", "", "a\\u0000b"}) {
    const std::string index = std::string(R"({"weight_map":{"t":")") + name + "\"}}";
    EXPECT_THAT(model.index_refusal(index), HasSubstr("a plain file name")) << name;
  }
}

TEST(ShardedCheckpoint, RefusesAMalformedIndex) {
  const ShardedModel model;
  for (const char* index : {"", "[]", "{}", "null", R"({"weight_map":[]})", R"({"weight_map":{}})",
                            R"({"weight_map":{"t":1}})", R"({"weight_map":{"t":"a"},"weight_map":{"t":"b"}})", "{"}) {
    EXPECT_THAT(model.index_refusal(index), HasSubstr("model.safetensors.index.json")) << index;
  }
}

struct NoWeights {
  const char* file;
  const char* expected;
};

TEST(DirectoryWithoutSafetensors, IsAnsweredWithWhatIsThereAndAdvice) {
  for (const NoWeights& only :
       {NoWeights{"pytorch_model.bin", "torch.load"}, NoWeights{"pytorch_model-00001-of-00002.bin", "torch.load"},
        NoWeights{"tf_model.h5", "from_tf=True"}, NoWeights{"flax_model.msgpack", "from_flax"},
        NoWeights{"bert_model.ckpt.index", "from_tf=True"}, NoWeights{"model.gguf", "hf download"},
        NoWeights{"model.onnx", "hf download"}, NoWeights{"adapter_model.safetensors", "merge_and_unload"}}) {
    const TinyModel model;
    model.directory.write("training_args.bin", "");
    model.directory.write(only.file, "");
    EXPECT_THAT(message_of<WeightsError>([&] { model.read(); }),
                AllOf(HasSubstr("no model.safetensors, but " + std::string(only.file)), HasSubstr(only.expected)));
  }
}

TEST(DirectoryWithoutSafetensors, IsAnsweredWithWhatStandsInThePlaceOfAnotherFormat) {
  const TinyModel model;
  model.directory.write("pytorch_model.bin", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n");
  EXPECT_THAT(message_of<WeightsError>([&] { model.read(); }),
              AllOf(HasSubstr("but pytorch_model.bin: a Git LFS pointer"), HasSubstr("git lfs pull")));
}

TEST(DirectoryWithoutSafetensors, IsAnInputErrorWhenItHoldsNoWeightsAtAll) {
  const TinyModel model;
  EXPECT_THAT(message_of<InputError>([&] { model.read(); }), HasSubstr("no weights: model.safetensors"));
  model.directory.write("model-00001-of-00002.safetensors", "");
  EXPECT_THAT(message_of<InputError>([&] { model.read(); }), HasSubstr("'model-00001-of-00002.safetensors'"));
}

TEST(RealCheckpoint, LoadsWithItsSummary) {
  if (!folder_of("BERTFT_MINILM_DIR")) GTEST_SKIP() << "BERTFT_MINILM_DIR is not set";
  const std::string directory = *folder_of("BERTFT_MINILM_DIR");
  const EncoderConfig config = read_encoder_config(directory);
  const ModelWeights checkpoint = read_weights(directory, config, Head::kMayBeMissing);
  EXPECT_EQ(checkpoint.summary(),
            "loaded 101/103 tensors; qa_outputs.{weight,bias} newly initialised (expected for a base model); "
            "ignored: pooler.* (2), embeddings.position_ids");
}

TEST(ModelWeights, OfOneFileAreTakenBeforeAnIndexThatStandsBesideThem) {
  const ShardedModel model;
  model.save("model.safetensors", model.tensors);
  std::filesystem::remove(model.directory / "b.safetensors");
  EXPECT_EQ(model.read_with_index(model.index).summary(), "loaded 39/39 tensors");
}

TEST(ModelWeights, IgnoreTheTokenTypesThatOldVersionsSaved) {
  TinyModel model;
  model.tensors["bert.embeddings.token_type_ids"] = filled({1, 8}, 0, DType::kI64);
  EXPECT_THAT(model.save_and_read().ignored, ElementsAre("bert.embeddings.token_type_ids"));
}

TEST(DirectoryWithoutSafetensors, IsAnsweredWithPyTorchsFileWhereSeveralAreThere) {
  const TinyModel model;
  for (const char* file : {"flax_model.msgpack", "pytorch_model.bin", "tf_model.h5"}) model.directory.write(file, "");
  EXPECT_THAT(message_of<WeightsError>([&] { model.read(); }), HasSubstr("but pytorch_model.bin"));
}

}  // namespace
}  // namespace bertft::weights
