// Networks written as ONNX and read again, and what other programs write. onnxruntime's logits: tests/peer.
#include "models/onnx.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>

#include <cmath>
#include <random>

#include "core/atomic_file.h"
#include "models/fold.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/graph/networks.h"

namespace automask::models {
namespace {

using automask::testing::error_of;
using graph::Attributes;
using graph::Graph;
using graph::Op;
using networks::conv;

// Every operator, with every attribute that matters set to what is no default.
Graph everything() {
  Graph g = networks::start("everything", 3, 13, 11);
  Attributes stem = conv(8, 3, 2, 0, true);
  stem.pad_top = 1, stem.pad_right = 2, stem.dilation_w = 2;
  int x = g.add("stem", Op::conv2d, {0}, stem);
  Attributes norm;
  norm.eps = 1e-3;
  x = g.add("stem_bn", Op::batch_norm, {x}, norm);
  x = g.add("stem_relu", Op::relu6, {x});
  const int left = g.add("left", Op::conv2d, {x}, conv(8, 1, 1, 0, false, 4));
  const int right = g.add("right", Op::conv2d, {x}, conv(8, 3, 1, 1, true, 8));
  int sum = g.add("sum", Op::add, {left, right, x});
  sum = g.add("sum_affine", Op::affine, {sum});
  sum = g.add("sum_relu", Op::relu, {sum});
  Attributes up = networks::pool(3, 2);
  up.ceil_mode = true;
  const int most = g.add("most", Op::max_pool, {sum}, up);
  Attributes mean = networks::pool(3, 2, 1);
  mean.count_include_pad = true;
  mean.pad_right = 0;
  const int average = g.add("average", Op::avg_pool, {sum}, mean);
  int y = g.add("both", Op::concat, {most, average});
  Attributes drop;
  drop.probability = 0.25;
  y = g.add("drop", Op::dropout, {y}, drop);
  const int global = g.add("global", Op::global_avg_pool, {y});
  const int head = g.add("head", Op::flatten, {y});
  const int hidden = g.add("hidden", Op::linear, {head}, networks::features(6));
  const int joined = g.add("joined", Op::concat, {hidden, g.add("pooled", Op::flatten, {global})});
  const int logits = g.add("logits", Op::linear, {joined}, networks::features(5, false));
  g.add("probabilities", Op::softmax, {logits});
  return g;
}

graph::TensorMap random_weights(const Graph& graph) {
  std::mt19937 random(3);
  graph::TensorMap weights;
  for (const auto& [name, shape] : graph::parameter_shapes(graph)) {
    std::int64_t count = 1;
    for (const std::int64_t size : shape) count *= size;
    graph::Tensor& tensor = weights[name] = {shape, {}};
    for (std::int64_t i = 0; i < count; ++i)
      tensor.data.push_back(static_cast<float>(random() % 2000 + 1) / 1000);  // above 0, as a variance must be
  }
  return weights;
}

onnx::ModelProto parsed(const std::string& bytes) {
  onnx::ModelProto proto;
  EXPECT_TRUE(proto.ParseFromString(bytes));
  return proto;
}

TEST(Onnx, EveryOperatorPassesTheCheckerAndComesBack) {
  const OnnxModel model{everything(), random_weights(everything()), {{"key", "value"}}};
  const std::string bytes = encode_onnx(model);
  EXPECT_NO_THROW(onnx::checker::check_model(parsed(bytes)));
  const OnnxModel read = decode_onnx(bytes, "f");
  EXPECT_EQ(read.metadata, model.metadata);
  // The affine comes back as a batch_norm of mean 0 and variance 1, an add of three as two of two; all else is the
  // same.
  EXPECT_EQ(read.weights.at("sum_affine.running_var").data, std::vector<float>(8, 1));
  EXPECT_GE(read.graph.find("sum.sum1"), 0);
  for (const graph::Node& node : model.graph.nodes) {
    const int index = read.graph.find(node.name);
    ASSERT_GE(index, 0) << node.name;
    if (node.op == Op::affine || node.op == Op::add) continue;
    EXPECT_EQ(read.graph.nodes[index].op, node.op) << node.name;
    Graph one = networks::start("one", 1, 1, 1), two = one;
    one.nodes.push_back(node);
    two.nodes.push_back(read.graph.nodes[index]);
    one.nodes[1].inputs = two.nodes[1].inputs = {0};
    EXPECT_EQ(to_json(one), to_json(two));
  }
  for (const auto& [name, tensor] : model.weights) {
    EXPECT_EQ(read.weights.at(name).data, tensor.data) << name;
    EXPECT_EQ(read.weights.at(name).shape, tensor.shape) << name;
  }
  // From here on nothing changes any more.
  EXPECT_EQ(encode_onnx(decode_onnx(encode_onnx(read), "f")), encode_onnx(read));
}

TEST(Onnx, LogitsAreFlatWhateverTheLastNode) {
  Graph g = networks::start("pictures", 3, 4, 4);
  const int x = g.add("conv", Op::conv2d, {0}, conv(5, 1));
  g.add("pool", Op::global_avg_pool, {x});
  const onnx::ModelProto proto = parsed(encode_onnx({g, random_weights(g), {}}));
  EXPECT_NO_THROW(onnx::checker::check_model(proto));
  EXPECT_EQ(proto.graph().output(0).type().tensor_type().shape().dim_size(), 2);
  EXPECT_EQ(proto.graph().output(0).type().tensor_type().shape().dim(0).dim_param(), "N");
}

// A window that would begin in the padding: PyTorch drops it, ONNX does not.
TEST(Onnx, CeilModeIsWrittenOnlyWhereBothMeanTheSame) {
  for (const bool both : {false, true}) {
    Graph g = networks::start("pool", 1, 4, 4);
    Attributes a = both ? networks::pool(3, 2, 1) : networks::pool(2, 3, 1);
    a.ceil_mode = true;
    g.add("flat", Op::flatten, {g.add("pool", Op::max_pool, {0}, a)});
    const onnx::ModelProto proto = parsed(encode_onnx({g, {}, {}}));
    std::int64_t written = -1;
    for (const auto& attribute : proto.graph().node(0).attribute())
      if (attribute.name() == "ceil_mode") written = attribute.i();
    EXPECT_EQ(written, both ? 1 : 0);
    EXPECT_EQ(graph::infer_shapes(g)[1].height, both ? 3 : 2);
    EXPECT_EQ(graph::infer_shapes(decode_onnx(proto.SerializeAsString(), "f").graph)[1].height, both ? 3 : 2);
  }
}

TEST(Fold, NormalisationGoesIntoTheWeights) {
  Graph g = networks::start("folded", 2, 1, 1);
  int x = g.add("conv", Op::conv2d, {0}, conv(1, 1));
  Attributes a;
  a.eps = 1;
  x = g.add("bn", Op::batch_norm, {x}, a);
  x = g.add("affine", Op::affine, {x});
  x = g.add("flat", Op::flatten, {x});
  x = g.add("fc", Op::linear, {x}, networks::features(1));
  x = g.add("fc_bn", Op::batch_norm, {x}, a);
  graph::TensorMap w = {{"conv.weight", {{1, 2, 1, 1}, {1, 2}}},
                        {"bn.weight", {{1}, {4}}},
                        {"bn.bias", {{1}, {5}}},
                        {"bn.running_mean", {{1}, {6}}},
                        {"bn.running_var", {{1}, {3}}},
                        {"affine.weight", {{1}, {10}}},
                        {"affine.bias", {{1}, {1}}},
                        {"fc.weight", {{1, 1}, {3}}},
                        {"fc.bias", {{1}, {2}}},
                        {"fc_bn.weight", {{1}, {1}}},
                        {"fc_bn.bias", {{1}, {0}}},
                        {"fc_bn.running_mean", {{1}, {1}}},
                        {"fc_bn.running_var", {{1}, {0}}}};
  fold_normalisation(g, w);
  graph::check_weights(g, w);
  EXPECT_EQ(g.nodes.size(), 4U);
  // bn: (x - 6) * 4 / sqrt(3 + 1) + 5 = 2 x - 7; affine: 20 x - 69.
  EXPECT_EQ(w.at("conv.weight").data, (std::vector<float>{20, 40}));
  EXPECT_EQ(w.at("conv.bias").data, (std::vector<float>{-69}));
  EXPECT_EQ(w.at("fc.bias").data, (std::vector<float>{1}));
}

TEST(Fold, KeepsANormalisationWhoseInputOthersRead) {
  Graph g = networks::start("shared", 1, 1, 1);
  const int x = g.add("conv", Op::conv2d, {0}, conv(1, 1));
  const int y = g.add("bn", Op::batch_norm, {x});
  g.add("flat", Op::flatten, {g.add("sum", Op::add, {x, y})});
  graph::TensorMap weights = random_weights(g);
  fold_normalisation(g, weights);
  EXPECT_GE(g.find("bn"), 0);
}

// A file around nodes in protobuf's text form: input "x" [N, 2, 4, 4], output "y".
std::string file_of(const std::string& nodes, int opset = 13) {
  onnx::ModelProto proto;
  const std::string text = "ir_version: 7 opset_import { version: " + std::to_string(opset) + R"( }
    graph { name: "g"
      input { name: "x" type { tensor_type { elem_type: 1 shape {
        dim { dim_param: "N" } dim { dim_value: 2 } dim { dim_value: 4 } dim { dim_value: 4 } } } } }
      output { name: "y" type { tensor_type { elem_type: 1 } } } )" +
                           nodes + "}";
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &proto)) << text;
  return proto.SerializeAsString();
}
const std::string pooled = R"(node { op_type: "GlobalAveragePool" input: "x" output: "p" }
                              node { op_type: "Flatten" input: "p" output: "f" } )";
const std::string matrix = R"(initializer { name: "m" data_type: 1 dims: 2 dims: 3
                              float_data: [1, 2, 3, 4, 5, 6] } )";  // [in, out]
const std::vector<float> turned = {1, 4, 2, 5, 3, 6};               // [out, in]

OnnxModel read(const std::string& nodes, int opset = 13) { return decode_onnx(file_of(nodes, opset), "f"); }
core::Error refusal(const std::string& nodes, int opset = 13) {
  return error_of([&] { read(nodes, opset); });
}

TEST(OnnxImport, LinearLayersInTheirThreeForms) {
  const OnnxModel product = read(matrix + pooled + R"(
      initializer { name: "b" data_type: 1 dims: 3 float_data: [7, 8, 9] }
      node { op_type: "MatMul" name: "/fc/MatMul" input: "f" input: "m" output: "t" }
      node { op_type: "Add" input: "b" input: "t" output: "y" } )");
  EXPECT_EQ(product.weights.at("fc.MatMul.weight").data, turned);
  EXPECT_EQ(product.weights.at("fc.MatMul.bias").data, (std::vector<float>{7, 8, 9}));

  const OnnxModel scaled = read(matrix + pooled + R"(
      initializer { name: "b" data_type: 1 dims: 1 float_data: 3 }
      node { op_type: "Gemm" name: "fc" input: "f" input: "m" input: "b" output: "y"
             attribute { name: "alpha" type: FLOAT f: 2 } attribute { name: "beta" type: FLOAT f: 0.5 } } )");
  EXPECT_EQ(scaled.weights.at("fc.weight").data, (std::vector<float>{2, 8, 4, 10, 6, 12}));
  EXPECT_EQ(scaled.weights.at("fc.bias").data, (std::vector<float>{1.5F, 1.5F, 1.5F}));

  const OnnxModel straight = read(R"(
      initializer { name: "head.weight" data_type: 1 dims: 3 dims: 2 float_data: [1, 2, 3, 4, 5, 6] } )" +
                                  pooled +
                                  R"(node { op_type: "Gemm" input: "f" input: "head.weight" output: "y"
                attribute { name: "transB" type: INT i: 1 } } )");
  EXPECT_EQ(straight.weights.at("head.weight").data, (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST(OnnxImport, PaddingInItsThreeForms) {
  const std::string kernel = R"(initializer { name: "k.weight" data_type: 1 dims: 1 dims: 2 dims: 3 dims: 2
      float_data: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] } )";
  const std::string rest = R"(node { op_type: "GlobalAveragePool" input: "c" output: "p" }
                              node { op_type: "Flatten" input: "p" output: "y" } )";
  const auto attributes = [&](const std::string& before, const std::string& input, const std::string& more) {
    const OnnxModel model = read(kernel + before + "node { op_type: \"Conv\" input: \"" + input +
                                 "\" input: \"k.weight\" output: \"c\" " + more + "}" + rest);
    return model.graph.nodes[model.graph.find("k")].attributes;
  };
  const std::string automatic = R"(attribute { name: "auto_pad" type: STRING s: ")";
  // 4 high, kernel 3: 1 before and behind; 4 wide, kernel 2: 1 on the side that is named.
  Attributes a = attributes("", "x", automatic + "SAME_UPPER\" }");
  EXPECT_EQ(std::vector({a.pad_top, a.pad_left, a.pad_bottom, a.pad_right}), std::vector({1, 0, 1, 1}));
  a = attributes("", "x", automatic + "SAME_LOWER\" }");
  EXPECT_EQ(std::vector({a.pad_top, a.pad_left, a.pad_bottom, a.pad_right}), std::vector({1, 1, 1, 0}));
  // Stride 3: ceil(4 / 3) = 2 windows cover 3 + 3 = 6 high, 3 + 2 = 5 wide.
  a = attributes("", "x", automatic + R"(SAME_UPPER" } attribute { name: "strides" type: INTS ints: [3, 3] })");
  EXPECT_EQ(std::vector({a.pad_top, a.pad_left, a.pad_bottom, a.pad_right}), std::vector({1, 0, 1, 1}));
  a = attributes("", "x", automatic + "VALID\" }");
  EXPECT_EQ(a.pad_top + a.pad_left + a.pad_bottom + a.pad_right, 0);
  a = attributes("", "x", R"(attribute { name: "pads" type: INTS ints: [1, 2, 3, 4] })");
  EXPECT_EQ(std::vector({a.pad_top, a.pad_left, a.pad_bottom, a.pad_right}), std::vector({1, 2, 3, 4}));
  const std::string pad = R"(initializer { name: "w" data_type: 7 dims: 8 int64_data: [0, 0, 1, 2, 0, 0, 3, 4] }
      node { op_type: "Pad" input: "x" input: "w" output: "d" } )";
  a = attributes(pad, "d", R"(attribute { name: "pads" type: INTS ints: [1, 1, 1, 1] })");
  EXPECT_EQ(std::vector({a.pad_top, a.pad_left, a.pad_bottom, a.pad_right}), std::vector({2, 3, 4, 5}));
  EXPECT_SAYS(refusal(pad + R"(node { op_type: "Relu" input: "d" output: "y" })"), "before a convolution only");
}

TEST(OnnxImport, ConstantsIdentitiesAndDeadEnds) {
  const OnnxModel model = read(pooled + R"(
      node { op_type: "Constant" output: "k" attribute { name: "value" type: TENSOR
             t { data_type: 1 dims: 2 dims: 1 float_data: [3, 4] } } }
      node { op_type: "Identity" input: "k" output: "fc.weight" }
      node { op_type: "Identity" input: "f" output: "same" }
      node { op_type: "Relu" name: "dead" input: "same" output: "unread" }
      node { op_type: "MatMul" input: "same" input: "fc.weight" output: "y" } )");
  EXPECT_EQ(model.weights.at("fc.weight").data, (std::vector<float>{3, 4}));
  EXPECT_LT(model.graph.find("dead"), 0);
}

TEST(OnnxImport, MeansAndReshapes) {
  for (const char* keeps : {"0", "1"}) {
    const OnnxModel model = read(std::string(R"(node { op_type: "ReduceMean" input: "x" output: "y"
        attribute { name: "axes" type: INTS ints: [-1, 2] } attribute { name: "keepdims" type: INT i: )") +
                                 keeps + "} }");
    EXPECT_EQ(model.graph.nodes.back().op, Op::global_avg_pool);
  }
  const auto reshaped = [](const std::string& target) {
    return read("initializer { name: \"s\" data_type: 7 dims: 2 int64_data: [" + target +
                R"(] } node { op_type: "Reshape" input: "x" input: "s" output: "y" } )");
  };
  for (const char* target : {"0, -1", "-1, 32", "0, 32"})
    EXPECT_EQ(reshaped(target).graph.nodes.back().op, Op::flatten) << target;
  for (const char* target : {"-1, -1", "-1, 16", "0, 0", "3, -1"})
    EXPECT_SAYS(error_of([&] { reshaped(target); }), "another form than [N, features]");
}

TEST(OnnxImport, ClipIsAReluOfTwoKinds) {
  const auto kind = [](const std::string& more, int opset) {
    return read(more + pooled + "node { op_type: \"Clip\" input: \"f\" " +
                    (opset < 11
                         ? "attribute { name: \"min\" type: FLOAT f: 0 } attribute { name: \"max\" type: FLOAT f: 6 }"
                         : "input: \"lo\" input: \"hi\"") +
                    " output: \"y\" }",
                opset)
        .graph.nodes.back()
        .op;
  };
  const std::string low = "initializer { name: \"lo\" data_type: 1 float_data: 0 } ";
  EXPECT_EQ(kind("", 9), Op::relu6);
  EXPECT_EQ(kind(low + "initializer { name: \"hi\" data_type: 1 float_data: 6 } ", 13), Op::relu6);
  EXPECT_EQ(kind(low + "initializer { name: \"hi\" data_type: 1 float_data: inf } ", 13), Op::relu);
  EXPECT_SAYS(error_of([&] { kind(low + "initializer { name: \"hi\" data_type: 1 float_data: 5 } ", 13); }),
              "clips to other bounds");
}

TEST(OnnxImport, RefusesByName) {
  EXPECT_SAYS(refusal(R"(node { op_type: "LeakyRelu" name: "act" input: "x" output: "y" })"),
              "f: node \"act\" (\"LeakyRelu\"): no graph has this operator; read are Add, AveragePool, BatchNorm");
  EXPECT_SAYS(refusal(R"(node { op_type: "Relu" domain: "com.else" input: "x" output: "y" })"), "of \"com.else\"");
  EXPECT_SAYS(refusal(R"(initializer { name: "w" data_type: 1 dims: 1 data_location: EXTERNAL
                           external_data { key: "location" value: "weights.bin" } })"),
              "f: initializer \"w\": its values lie in the file weights.bin");
  EXPECT_SAYS(
      refusal(R"(node { op_type: "Relu" input: "x" output: "y" attribute { name: "alpha" type: FLOAT f: 1 } })"),
      "attribute \"alpha\" is not known");
  EXPECT_SAYS(refusal(R"(node { op_type: "Relu" input: "z" output: "y" })"),
              "reads \"z\", which no node before it gives");
  EXPECT_SAYS(refusal(R"(node { op_type: "Relu" input: "x" output: "y" })"), "read are logits");
  EXPECT_SAYS(refusal(R"(node { op_type: "Relu" input: "x" output: "x" })"), "is there already");
  EXPECT_SAYS(refusal(R"(output { name: "z" })"), "the network has 2 outputs");
  EXPECT_SAYS(refusal(R"(input { name: "z" })"), "two inputs, \"x\" and \"z\"");
  EXPECT_SAYS(refusal("", 6), "uses operator set 6, read are 7 to 21");
  EXPECT_SAYS(refusal(R"(initializer { name: "w" data_type: 8 })"), "number format is 8");
  EXPECT_SAYS(refusal(R"(initializer { name: "w" data_type: 1 dims: 3 float_data: 1 })"),
              "shape and its data disagree");
  EXPECT_SAYS(error_of([] { decode_onnx("PK", "f"); }), "f: is no ONNX file");
}

// tests/fuzz/make_corpus.py wrote them with torch.onnx.export.
TEST(OnnxImport, ReadsWhatPyTorchExports) {
  const auto corpus = [](const std::string& name) {
    return decode_onnx(core::read_file(std::string(AUTOMASK_SOURCE_DIR) + "/tests/fuzz/corpus/onnx/" + name), name);
  };
  const OnnxModel joined = corpus("joined.onnx"), plain = corpus("plain.onnx");
  for (const char* name : {"conv1", "bn1", "depthwise", "fc"}) EXPECT_GE(joined.graph.find(name), 0) << name;
  EXPECT_EQ(joined.graph.nodes[joined.graph.find("depthwise")].attributes.groups, 4);
  EXPECT_EQ(joined.graph.nodes.back().op, Op::softmax);
  EXPECT_EQ(plain.weights.at("conv.weight").shape, (std::vector<std::int64_t>{2, 1, 3, 1}));
  EXPECT_EQ(plain.graph.nodes.back().op, Op::linear);
}

// One weight read by many nodes: the file stays small, the network would not.
TEST(OnnxImport, MemoryIsBoundedByTheFile) {
  std::string nodes = R"(initializer { name: "w" data_type: 1 dims: 2 dims: 2 dims: 16 dims: 16 raw_data: ")" +
                      std::string(4096, '0') + "\" } ";
  std::string from = "x";
  for (int i = 0; i < 100; ++i) {
    const std::string to = "v" + std::to_string(i);
    nodes += "node { op_type: \"Conv\" input: \"" + from + "\" input: \"w\" output: \"" + to +
             "\" attribute { name: \"pads\" type: INTS ints: [8, 8, 8, 8] } } ";
    from = to;
  }
  EXPECT_SAYS(refusal(nodes), "8 times the memory of the file");
}

TEST(OnnxImport, DamagedFilesAreRefusedOrRead) {
  Graph g = networks::start("small", 1, 4, 4);
  int x = g.add("conv", Op::conv2d, {0}, conv(2, 3, 1, 1, true));
  x = g.add("bn", Op::batch_norm, {x});
  x = g.add("relu", Op::relu6, {x});
  x = g.add("flat", Op::flatten, {g.add("pool", Op::max_pool, {x}, networks::pool(2, 2))});
  g.add("fc", Op::linear, {x}, networks::features(2));
  const std::string whole = encode_onnx({g, random_weights(g), {}});
  int refused = 0, read_still = 0;
  const auto look = [&](const std::string& bytes) {
    try {
      const OnnxModel model = decode_onnx(bytes, "f");
      graph::check_weights(model.graph, model.weights);
      ++read_still;
    } catch (const core::Error& e) {
      EXPECT_EQ(e.code(), core::ExitCode::corrupt) << e.what();
      ++refused;
    }
  };
  for (std::size_t size = 0; size < whole.size(); ++size) look(std::string(whole.data(), size));
  EXPECT_LE(read_still, 1);  // the last field is the operator set's number; without it there is none
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    std::string damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    look(damaged);
  }
  EXPECT_GT(refused, 3000);
  EXPECT_GT(read_still, 1000);  // a flipped weight is no damage that a reader could see
}

}  // namespace
}  // namespace automask::models
