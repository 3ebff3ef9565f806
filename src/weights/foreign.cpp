#include "weights/foreign.h"

#include <array>

#include "bertft/util/foreign_file.h"

namespace bertft::weights {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kConvertTorch =
    "Pickles can run code, so they are not opened. Convert it once, with all its shards, if you trust it: python -c "
    "\"import sys, torch; "
    "from safetensors.torch import save_file; save_file({k: v.contiguous().clone() for f in sys.argv[2:] for k, v in "
    "torch.load(f, 'cpu', weights_only=True).items()}, sys.argv[1], {'format': 'pt'})\" MODEL_DIR/model.safetensors "
    "FILE...";
constexpr std::string_view kConvertTensorFlow =
    "Take the model's safetensors version, or convert it once with transformers 4 and TensorFlow: python -c \"from "
    "transformers import AutoModel; AutoModel.from_pretrained('DIR', from_tf=True).save_pretrained('NEW_DIR')\"";
constexpr std::string_view kConvertTensorFlow1 =
    "Take the model's safetensors version, or convert it once with transformers 4 and TensorFlow, its files renamed to "
    "model.ckpt.*: python -c \"from transformers import AutoModel; AutoModel.from_pretrained('DIR', "
    "from_tf=True).save_pretrained('NEW_DIR')\"";
constexpr std::string_view kConvertFlax =
    "Take the model's safetensors version, or convert it once with transformers 4 and Flax: python -c \"from "
    "transformers import AutoModel; AutoModel.from_pretrained('DIR', from_flax=True).save_pretrained('NEW_DIR')\"";
constexpr std::string_view kTakeSafetensors =
    "Such files are made for inference. Take the model's safetensors version: hf download OWNER/MODEL --local-dir DIR";
constexpr std::string_view kMergeAdapter =
    "Merge it into its base model once, and copy the tokenizer's files beside: python -c \"from peft import "
    "AutoPeftModelForQuestionAnswering as M; "
    "M.from_pretrained('DIR').merge_and_unload().save_pretrained('NEW_DIR')\"";
constexpr std::string_view kUnpack = "Unpack it and give the model directory that is inside.";
constexpr std::string_view kDownloadAgain =
    "Download it again, logged in if the model is gated: hf download OWNER/MODEL --local-dir DIR";

constexpr ForeignFormat kTorchZip{"a PyTorch checkpoint (.bin or .pt: a zip of pickles)", kConvertTorch};
constexpr ForeignFormat kPickle{"a Python pickle (.bin or .pt of an old PyTorch)", kConvertTorch};
constexpr ForeignFormat kHdf5{"an HDF5 file (TensorFlow or Keras weights)", kConvertTensorFlow};
constexpr ForeignFormat kGguf{"a GGUF file (llama.cpp)", kTakeSafetensors};

struct Magic {
  std::string_view bytes;
  ForeignFormat format;
};
constexpr std::array<Magic, 3> kMagics{{
    {"GGUF"sv, kGguf},
    {"\x89HDF\r\n\x1a\n"sv, kHdf5},
    {"{"sv, {"a JSON document", "The weights of a model directory are in model.safetensors: give the directory."}},
}};

// The name of the pickle inside stands in the first entry of torch's zip files.
constexpr std::size_t kTorchZipEntryBytes = 256;

bool is_pickle(std::string_view text) {
  constexpr char kProto = '\x80';  // opcode PROTO, then the protocol: 2 to 5
  return text.size() > 2 && text[0] == kProto && text[1] >= 2 && text[1] <= 5;
}

std::string_view advice_on(ForeignFile::Kind kind) {
  switch (kind) {
    case ForeignFile::Kind::kWebPage:
    case ForeignFile::Kind::kUtf16:
    case ForeignFile::Kind::kTable:
      return kDownloadAgain;
    case ForeignFile::Kind::kLfsPointer:
      return "Fetch the content, in the repository it came from: git lfs install && git lfs pull";
    case ForeignFile::Kind::kArchive:
      break;
  }
  return kUnpack;
}

}  // namespace

std::optional<ForeignFormat> recognise_foreign(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.empty()) return ForeignFormat{"an empty file", "The download or the copy failed: fetch it again."};
  if (is_pickle(text)) return kPickle;
  if (text.starts_with("PK\x03\x04") && text.substr(0, kTorchZipEntryBytes).find(".pkl") != std::string_view::npos) {
    return kTorchZip;
  }
  for (const Magic& magic : kMagics) {
    if (text.starts_with(magic.bytes)) return magic.format;
  }
  if (const auto file = recognise_foreign_file(text)) return ForeignFormat{file->what, advice_on(file->kind)};
  return std::nullopt;
}

std::optional<ForeignFormat> recognise_failed_download(std::string_view bytes) {
  using Kind = ForeignFile::Kind;
  const auto file = recognise_foreign_file(bytes);
  if (!file || (file->kind != Kind::kLfsPointer && file->kind != Kind::kWebPage)) return std::nullopt;
  return ForeignFormat{file->what, advice_on(file->kind)};
}

std::optional<ForeignFormat> recognise_foreign_name(std::string_view file_name) {
  if (file_name.starts_with("pytorch_model") && (file_name.ends_with(".bin") || file_name.ends_with(".pt"))) {
    return ForeignFormat{"a PyTorch checkpoint (pickle)", kConvertTorch};
  }
  if (file_name.starts_with("adapter_")) return ForeignFormat{"an adapter of PEFT", kMergeAdapter};
  if (file_name.ends_with(".h5")) return kHdf5;
  if (file_name.ends_with(".ckpt.index")) return ForeignFormat{"a TensorFlow checkpoint", kConvertTensorFlow1};
  if (file_name.ends_with(".msgpack")) return ForeignFormat{"a Flax checkpoint", kConvertFlax};
  if (file_name.ends_with(".gguf")) return kGguf;
  if (file_name.ends_with(".onnx")) return ForeignFormat{"an ONNX graph", kTakeSafetensors};
  return std::nullopt;
}

}  // namespace bertft::weights
