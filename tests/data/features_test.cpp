#include "bertft/data/features.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bertft/data/feature_json.h"
#include "bertft/util/error.h"
#include "data/squad_text.h"
#include "data/word_tokenizer.h"
#include "message_of.h"

namespace bertft::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// A data set of one question "a bc" (two tokens) on ten words of one letter, "0 1 2 ... 9".
Dataset ten_words(std::string_view answers, std::string_view question = "a bc") {
  return read(document(R"("0 1 2 3 4 5 6 7 8 9")", R"({"id":"q1","question":")" + std::string(question) +
                                                       R"(","answers":)" + std::string(answers) + "}"));
}

DataOptions options(std::int64_t max_seq_length, std::int64_t doc_stride) {
  DataOptions options;
  options.max_seq_length = max_seq_length;
  options.doc_stride = doc_stride;
  return options;
}

Features features(const Dataset& dataset, const DataOptions& options, Purpose purpose = Purpose::kTraining) {
  return make_features(dataset, WordTokenizer(), options, purpose);
}

std::string refusal(const Dataset& dataset, const DataOptions& options) {
  return message_of<DataError>([&] { features(dataset, options); });
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> slices(const Features& features) {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> list;
  for (const Window& w : features.windows) list.emplace_back(w.context_begin, w.num_context_tokens);
  return list;
}

TEST(Features, PutAShortContextIntoOneWindow) {
  const Features made = features(ten_words("[]"), options(15, 4));
  EXPECT_THAT(slices(made), ElementsAre(Pair(0, 10)));
  EXPECT_EQ(made.length(made.windows[0]), 15u);
  EXPECT_EQ(made.first_context_position(made.windows[0]), 4u);
}

TEST(Features, KeepTheFirstWindowsAloneWhereTold) {
  Features made = features(ten_words("[]"), options(10, 4));
  made.keep_first(7);
  EXPECT_EQ(made.windows.size(), 6U);
  made.keep_first(2);
  EXPECT_THAT(slices(made), ElementsAre(Pair(0, 5), Pair(1, 5)));
  EXPECT_EQ(made.num_windows_left_out, 4U);
}

TEST(Features, OverlapWindowsByDocStride) {
  EXPECT_THAT(slices(features(ten_words("[]"), options(11, 2))), ElementsAre(Pair(0, 6), Pair(4, 6)));
  EXPECT_THAT(slices(features(ten_words("[]"), options(10, 4))),
              ElementsAre(Pair(0, 5), Pair(1, 5), Pair(2, 5), Pair(3, 5), Pair(4, 5), Pair(5, 5)));
  EXPECT_THAT(slices(features(ten_words("[]"), options(9, 0))), ElementsAre(Pair(0, 4), Pair(4, 4), Pair(8, 2)));
}

TEST(Features, EndWithTheFirstWindowThatReachesTheEnd) {
  EXPECT_THAT(slices(features(ten_words("[]"), options(14, 8))), ElementsAre(Pair(0, 9), Pair(1, 9)));
}

TEST(Features, LabelTheAnswerInEachWindowThatHoldsIt) {
  const Features made = features(ten_words(R"([{"text":"4 5","answer_start":8}])"), options(11, 2));
  ASSERT_EQ(made.windows.size(), 2u);
  EXPECT_EQ(made.windows[0].start_label, 8u);
  EXPECT_EQ(made.windows[0].end_label, 9u);
  EXPECT_EQ(made.windows[1].start_label, 4u);
  EXPECT_EQ(made.windows[1].end_label, 5u);
}

TEST(Features, LabelByTheFirstAnswer) {
  const Features made =
      features(ten_words(R"([{"text":"0","answer_start":0},{"text":"4","answer_start":8}])"), options(15, 2));
  EXPECT_EQ(made.windows[0].start_label, 4u);
}

TEST(Features, RepeatTheQuirkOfTheLastTokenOnlyWhenAsked) {
  const Dataset dataset = ten_words(R"([{"text":"5","answer_start":10}])");
  DataOptions quirk = options(11, 2);
  EXPECT_EQ(features(dataset, quirk).windows[0].start_label, 9u);
  quirk.fix_last_token_label = false;
  EXPECT_EQ(features(dataset, quirk).windows[0].start_label, 10u);
  EXPECT_EQ(features(dataset, quirk).windows[0].end_label, 9u);
  EXPECT_EQ(features(dataset, quirk).windows[1].start_label, 5u);
}

TEST(Features, TokenizeEachContextOnce) {
  const Dataset dataset = read(
      document(R"("one two")", R"({"id":"a","question":"x","answers":[]},{"id":"b","question":"y z","answers":[]})"));
  const Features made = features(dataset, options(32, 2));
  EXPECT_EQ(made.context_tokens(made.windows[0]).data(), made.context_tokens(made.windows[1]).data());
}

TEST(Features, GiveAnEmptyContextOneWindow) {
  const Features made = features(read(document(R"("")", R"({"id":"a","question":"q","answers":[]})")), options(8, 2));
  EXPECT_THAT(slices(made), ElementsAre(Pair(0, 0)));
  EXPECT_EQ(made.length(made.windows[0]), 4u);
}

TEST(Features, GiveAnEmptyQuestionTheContextAlone) {
  const Features made = features(ten_words("[]", " "), options(16, 2));
  EXPECT_EQ(made.length(made.windows[0]), 13u);
}

TEST(Features, RefuseAnOverlapThatNoWindowCanHave) {
  const Dataset dataset = ten_words("[]");
  EXPECT_THROW(features(dataset, options(16, 13)), ConfigError);
  EXPECT_NO_THROW(features(dataset, options(16, 12)));  // nothing has to be cut
}

TEST(Features, NameTheQuestionThatLeavesNoRoom) {
  EXPECT_EQ(refusal(ten_words("[]", "1 2 3 4 5"), options(8, 2)),
            "data.json: question 'q1': the question's 5 tokens leave no room for its context at max_seq_length 8.\n"
            "Shorten the question, raise max_seq_length or lower doc_stride.");
}

TEST(Features, NameTheQuestionThatLeavesNoMoreThanTheOverlap) {
  EXPECT_THAT(
      refusal(ten_words("[]", "1 2 3 4 5"), options(12, 4)),
      HasSubstr("question 'q1': the question's 5 tokens leave room for 4 of context, not more than doc_stride 4"));
  EXPECT_EQ(refusal(ten_words("[]", "1 2 3 4 5"), options(13, 4)), "accepted");
}

TEST(Features, RefuseALongQuestionOnAnEmptyContextOnlyWhenItDoesNotFit) {
  const Dataset dataset = read(document(R"("")", R"({"id":"a","question":"1 2 3 4 5","answers":[]})"));
  EXPECT_EQ(refusal(dataset, options(8, 4)), "accepted");
  EXPECT_THAT(refusal(dataset, options(7, 2)), HasSubstr("leave no room"));
}

const char* const kTwoQuestions = R"({"id":"bad","question":"x","answers":[{"text":"2","answer_start":0}]},)"
                                  R"({"id":"good","question":"x y","answers":[{"text":"2","answer_start":4}]})";

TEST(Features, LeaveMisalignedQuestionsOutOfTraining) {
  const Features made = features(read(document(R"("0 1 2")", kTwoQuestions)), options(32, 2));
  ASSERT_EQ(made.windows.size(), 1u);
  EXPECT_EQ(made.windows[0].question_idx, 1u);
  EXPECT_EQ(made.num_skipped_questions, 1u);
}

TEST(Features, KeepMisalignedQuestionsAsRunQaDoesWhenAsked) {
  DataOptions keep = options(32, 2);
  keep.on_misaligned = OnMisaligned::kKeep;
  const Features made = features(read(document(R"("0 1 2")", kTwoQuestions)), keep);
  ASSERT_EQ(made.windows.size(), 2u);
  EXPECT_EQ(made.windows[0].start_label, 3u);
}

TEST(Features, StopAtAMisalignedAnswerWhenAsked) {
  DataOptions strict = options(32, 2);
  strict.on_misaligned = OnMisaligned::kError;
  EXPECT_THAT(refusal(read(document(R"("0 1 2")", kTwoQuestions)), strict),
              HasSubstr("question 'bad': its answer '2' is not at answer_start 0."));
}

TEST(Features, KeepMisalignedQuestionsForEvaluationWithoutALabel) {
  const Features made = features(read(document(R"("0 1 2")", kTwoQuestions)), options(32, 2), Purpose::kEvaluation);
  ASSERT_EQ(made.windows.size(), 2u);
  EXPECT_EQ(made.windows[0].end_label, 0u);
  EXPECT_FALSE(made.windows[0].is_labelled);
  EXPECT_EQ(made.windows[1].end_label, 6u);
  EXPECT_TRUE(made.windows[1].is_labelled);
  EXPECT_EQ(made.num_unlabelled_questions, 1U);
}

TEST(Features, LabelAnEvaluationByTheFirstAnswerThatStandsWhereItShould) {
  const Dataset dataset = ten_words(R"([{"text":"2","answer_start":0},{"text":"3","answer_start":6}])");
  const Features made = features(dataset, options(32, 2), Purpose::kEvaluation);
  EXPECT_TRUE(made.windows[0].is_labelled);
  EXPECT_EQ(made.windows[0].end_label, 7U);
  EXPECT_THAT(refusal(dataset, options(32, 2)), HasSubstr("no usable question")) << "training goes by the first";
}

TEST(Features, TakeAnswersOfNothingForNoneUnlessTheFileSaysOtherwise) {
  const char* const kNothing = R"([{"text":"","answer_start":-1}])";
  for (const Purpose purpose : {Purpose::kTraining, Purpose::kEvaluation}) {
    const Features made = features(ten_words(kNothing), options(32, 2), purpose);
    ASSERT_EQ(made.windows.size(), 1U);
    EXPECT_EQ(made.windows[0].end_label, 0U);
    EXPECT_TRUE(made.windows[0].is_labelled);
  }
  EXPECT_THAT(refusal(read(document(R"("0 1 2")", R"({"id":"q1","question":"x","is_impossible":false,"answers":)" +
                                                      std::string(kNothing) + "}")),
                      options(32, 2)),
              HasSubstr("no usable question"));
}

TEST(Features, RefuseADataSetOfWhichNothingIsLeft) {
  EXPECT_THAT(refusal(ten_words(R"([{"text":"x","answer_start":0}])"), options(32, 2)),
              HasSubstr("data.json: no usable question: 1 of 1"));
}

TEST(Features, MayComeFromTheTokensOfMoreQuestions) {
  Dataset dataset = read(
      R"([{"id":"a","question":"q","context":"one","answers":[]},{"id":"b","question":"q","context":"two","answers":[]}])");
  Tokens tokens = tokenize(dataset, WordTokenizer());
  dataset.questions.pop_back();
  EXPECT_EQ(make_features(dataset, std::move(tokens), {}, Purpose::kEvaluation).windows.size(), 1U);
}

TEST(Features, AreWrittenWithOffsetsOfTheContextAlone) {
  const Dataset dataset = ten_words(R"([{"text":"9","answer_start":18}])");
  const Features made = features(dataset, options(8, 1));
  EXPECT_EQ(feature_json(dataset, made, made.windows.back()).dump(),
            R"({"id":"q1","window":4,"input_ids":[101,1001,1002,102,1001,1001,102],"token_type_ids":[0,0,0,0,1,1,1],)"
            R"("offsets":[null,null,null,null,[16,17],[18,19],null],"start":5,"end":5})");
}

TEST(Features, MayHaveTwoSeparatorsBetweenTheTextsAndOneTokenType) {
  WordTokenizer tokenizer;
  tokenizer.ids.seps_between = 2;
  tokenizer.ids.context_type = 0;
  const Dataset dataset = ten_words(R"([{"text":"9","answer_start":18}])");
  const Features made = make_features(dataset, tokenizer, options(9, 1), Purpose::kTraining);
  const Window& last = made.windows.back();
  EXPECT_EQ(made.length(last), 8U);
  EXPECT_EQ(made.max_length(), 9U);
  EXPECT_EQ(made.first_context_position(last), 5U);
  EXPECT_EQ(feature_json(dataset, made, last).dump(),
            R"({"id":"q1","window":4,"input_ids":[101,1001,1002,102,102,1001,1001,102],)"
            R"("token_type_ids":[0,0,0,0,0,0,0,0],)"
            R"("offsets":[null,null,null,null,null,[16,17],[18,19],null],"start":6,"end":6})");
  const auto with_overlap = [&](std::int64_t doc_stride) {
    return message_of<ConfigError>(
        [&] { make_features(dataset, tokenizer, options(16, doc_stride), Purpose::kTraining); });
  };
  EXPECT_EQ(with_overlap(11), "accepted");
  EXPECT_THAT(with_overlap(12), HasSubstr("windows of max_seq_length 16 can overlap by 0 to 11 tokens"));
}

TEST(Features, AreWrittenWithoutALabelWhereTheAnswersPlaceIsNotKnown) {
  const Dataset dataset = ten_words(R"([{"text":"9","answer_start":0}])");
  const Features made = features(dataset, options(32, 1), Purpose::kEvaluation);
  EXPECT_TRUE(feature_json(dataset, made, made.windows[0])["start"].is_null());
}

TEST(Features, RefuseAnOverlapBelowNothing) {
  EXPECT_THROW(features(ten_words("[]"), options(16, -1)), ConfigError);
}

}  // namespace
}  // namespace bertft::data
