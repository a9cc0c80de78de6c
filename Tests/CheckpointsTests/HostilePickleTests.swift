import Checkpoints
import Files
import Foundation
import TestSupport
import Testing

/// Pickles that no program of good will writes. None is executed, none exhausts memory, time or the stack.
@Suite struct HostilePickleTests {
  private func error(
    pickle: [UInt8], storages: [String: [UInt8]] = ["0": [0, 0, 128, 63]]
  ) throws -> InputError {
    let folder = try TemporaryFolder()
    let path = try folder.write(ZipBuilder(pickle: pickle, storages: storages).bytes(), to: "bad.pth")
    let error = try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: path, headCount: 1))
    }
    #expect(error.subject == path)
    #expect(error.description.utf8.count < 4000)
    #expect(!error.description.utf8.contains { $0 < 0x20 })
    return error
  }

  @Test func aWeightThatAFunctionWouldMakeIsRefusedByTheFunctionsName() throws {
    let error = try #require(throws: InputError.self) {
      try CheckpointLoader.load(CheckpointRequest(path: fixture("hostile-weight.pth"), headCount: 2))
    }
    #expect(error.reason.contains("norm.bias is a value made by posix.system"))
    #expect(!FileManager.default.fileExists(atPath: "a-pickle-was-executed"))
  }

  /// Every way to make an object leads to the same refusal.
  @Test(arguments: ["(X\u{3}\0\0\0lsxtR", "(X\u{3}\0\0\0lsxt\u{81}", "(X\u{3}\0\0\0lsxt}\u{92}"])
  func unknownCallsStayOpaque(_ call: String) throws {
    let pickle = PickleBuilder.holding { builder in
      builder.global("os", "system")
      builder.raw(call.unicodeScalars.map { UInt8($0.value) })
    }
    let error = try error(pickle: pickle)
    #expect(error.reason == "patch_embed.proj.weight is a value made by os.system")
  }

  @Test func anOpaqueArgumentMakesATensorOpaque() throws {
    let pickle = PickleBuilder.holding { builder in
      builder.global("torch._utils", "_rebuild_tensor_v2")
      builder.instructions("(")
      builder.global("os", "system")
      builder.instructions(")R")
      for _ in 0..<3 { builder.tuple([1]) }
      builder.instructions("tR")
    }
    #expect(try error(pickle: pickle).reason.contains("made by os.system"))
  }

  @Test(arguments: [
    // Offsets, lengths and strides outside the storage, or beyond any integer.
    (1, 1, [1], [1]), (1, 0, [2], [1]), (1, 0, [2, 2], [0, 1]), (1, Int.max, [2], [1]),
    (1, 0, [2], [Int.max]), (2, 0, [2, 2], [Int.max, Int.max]),
  ])
  func viewsMustLieInTheirStorage(_ elementCount: Int, _ offset: Int, _ shape: [Int], _ strides: [Int]) throws
  {
    let error = try smallModel(replacing: "norm.bias") { builder in
      builder.tensor(
        key: "0", elementCount: elementCount, offset: offset, shape: shape, strides: strides)
    }
    #expect(error.reason.contains("norm.bias"))
  }

  /// The error for a model of width 1 in which every weight but one is the same tensor.
  private func smallModel(
    replacing name: String, with makeValue: (inout PickleBuilder) -> Void
  ) throws -> InputError {
    try error(
      pickle: PickleBuilder.smallModel(replacing: name, with: makeValue), storages: ["0": [0, 0, 128, 63]])
  }

  @Test func storagesMustHaveTheSizeThatIsStated() throws {
    for count in [0, 2, Int.max] {
      let error = try smallModel(replacing: "norm.bias") { builder in
        builder.tensor(key: "0", elementCount: count, shape: [1], strides: [1])
      }
      #expect(error.reason.contains("needs \(count) elements of torch.FloatStorage"))
    }
    let absent = try smallModel(replacing: "norm.bias") { builder in
      builder.tensor(key: "../0", elementCount: 1, shape: [1], strides: [1])
    }
    #expect(absent.reason.contains("needs archive/data/../0, which is not in the file"))
    let complex = try smallModel(replacing: "norm.bias") { builder in
      builder.tensor(storageType: "ComplexFloatStorage", key: "0", elementCount: 1, shape: [1], strides: [1])
    }
    #expect(complex.reason.contains("norm.bias is of type torch.ComplexFloatStorage"))
  }

  /// An expanded tensor repeats its storage at no cost in the file, but would cost memory here.
  @Test func smallFilesCannotDescribeHugeWeights() throws {
    let side = 1 << 24
    let error = try error(
      pickle: PickleBuilder.holding { builder in
        builder.tensor(key: "0", elementCount: 1, shape: [1, 3, 1, 1], strides: [0, 0, 0, 0])
        builder.text("blocks.0.mlp.fc1.weight")
        builder.tensor(key: "0", elementCount: 1, shape: [side, 1], strides: [0, 0])
        builder.text("blocks.0.mlp.fc2.weight")
        builder.tensor(key: "0", elementCount: 1, shape: [1, side], strides: [0, 0])
        builder.text("pos_embed")
        builder.tensor(key: "0", elementCount: 1, shape: [1, side * side, 1], strides: [0, 0, 0])
      })
    #expect(error.reason.contains("which no Vision Transformer has"))
    let wide = try smallModel(replacing: "pos_embed") { builder in
      builder.tensor(key: "0", elementCount: 1, shape: [1, 1 << 24, 1], strides: [0, 0, 0])
      for name in ["extra.1", "extra.2"] {
        builder.text(name)
        builder.tensor(key: "0", elementCount: 1, shape: [Int.max, 1], strides: [0, 0])
      }
    }
    #expect(wide.reason.contains("left over"))
  }

  @Test(arguments: [
    ([0x80, 2], "cut short"), ([0x80, 1], "protocol 1"), ([0x80, 6], "protocol 6"), ([], "cut short"),
    ([0x2E], "lacks its operand"), ([0x52], "lacks its operand"), ([0x28, 0x2E], "lacks its operand"),
    ([0x74], "lacks its mark"), ([0x65], "lacks its mark"), ([0x31], "lacks its mark"),
    ([0x68, 0], "nothing was kept under 0"), ([0x6A, 255, 255, 255, 255], "nothing was kept"),
    ([0x28, 0x4E, 0x75], "lacks its operand"), ([0x7D, 0x28, 0x4E, 0x75], "lacks its value"),
    ([0x4E, 0x4E, 0x61], "elements are put into None"), ([0x4E, 0x4E, 0x62], "None is given attributes"),
    ([0x4E, 0x4E, 0x52], "arguments are no tuple"), ([0x4E, 0x4E, 0x93], "name is not text"),
    ([0x46, 0x31, 0x0A], "70 is no pickle instruction"), ([0x82, 1], "130 is no pickle instruction"),
    ([0x49, 0x31, 0x78, 0x0A], "1x is no whole number"), ([0x49, 0x31], "cut short"),
    ([0x28, 0x6F], "an object lacks its class"), ([0x6F], "lacks its mark"),
    ([0x97], "151 is no pickle instruction"),
    ([0x63, 0x6F, 0x73], "a name is cut short"), ([0x63, 0xFF, 0x0A, 0x0A], "not UTF-8"),
    ([0x58, 1, 0, 0, 0, 0xFF], "text is not UTF-8"),
    ([0x58, 255, 255, 255, 255], "4294967295 bytes is cut short"),
    ([0x8D] + [UInt8](repeating: 255, count: 8), "18446744073709551615 bytes is cut short"),
    ([0x8E] + [UInt8](repeating: 255, count: 8), "bytes is cut short"),
    ([0x96] + [UInt8](repeating: 127, count: 8), "bytes is cut short"),
    ([0x8B, 255, 255, 255, 127], "2147483647 bytes is cut short"),
    ([0x95] + [UInt8](repeating: 255, count: 8), "a frame of 18446744073709551615 bytes"),
    ([0x4E, 0x2E], "holds None, not a state dict"),
    ([0x8A, 9] + [UInt8](repeating: 1, count: 9) + [0x2E], "a value made by a number of 9 bytes"),
  ])
  func brokenInstructionsAreRefused(_ instructions: [UInt8], _ reason: String) throws {
    let error = try error(pickle: instructions)
    #expect(error.reason.contains(reason), "\(error)")
  }

  /// Nested, shared and cyclic values are walked by no recursion and never unfolded.
  @Test func nestingAsDeepAsTheFileIsHarmless() throws {
    let count = 200_000
    var builder = PickleBuilder()
    builder.instructions(")")
    builder.raw([UInt8](repeating: 0x85, count: count))
    builder.instructions(".")
    #expect(try error(pickle: builder.bytes).reason == "holds a tuple, not a state dict")

    builder = PickleBuilder()
    builder.raw([UInt8](repeating: 0x28, count: count))
    builder.raw([UInt8](repeating: 0x74, count: count))
    builder.instructions(".")
    #expect(try error(pickle: builder.bytes).reason == "holds a tuple, not a state dict")
  }

  @Test func cyclesAreHarmless() throws {
    var builder = PickleBuilder()
    builder.instructions("}")
    builder.raw([0x71, 0])
    builder.text("model")
    builder.raw([0x68, 0])
    builder.instructions("s.")
    #expect(try error(pickle: builder.bytes).reason == "holds no weights under \"model\"")
  }

  /// Each tuple holds the one before it twice: 2^1000 elements, were they unfolded.
  @Test func sharingIsHarmless() throws {
    var builder = PickleBuilder()
    builder.instructions(")")
    for _ in 0..<1000 { builder.raw([0x32, 0x86]) }
    builder.instructions(".")
    #expect(try error(pickle: builder.bytes).reason == "holds a tuple, not a state dict")
  }

  @Test func longListsCannotBeCopiedOverAndOver() throws {
    var builder = PickleBuilder()
    builder.global("collections", "OrderedDict")
    builder.raw([0x71, 0, 0x5D, 0x28])
    builder.raw([0x4E, 0x4E, 0x86, 0x71, 2])
    for _ in 0..<100_000 { builder.raw([0x68, 2]) }
    builder.raw([0x65, 0x85, 0x71, 1, 0x30, 0x30])
    for _ in 0..<100_000 { builder.raw([0x68, 0, 0x68, 1, 0x52, 0x30]) }
    builder.instructions("N.")
    #expect(try error(pickle: builder.bytes).reason.contains("more than 262144 objects"))
  }

  @Test func instructionsAndObjectsAreBounded() throws {
    var builder = PickleBuilder()
    builder.raw([UInt8](repeating: 0x4E, count: 1 << 23))
    #expect(try error(pickle: builder.bytes).reason.contains("more than 2097152 pickle instructions"))
    builder = PickleBuilder()
    builder.raw([UInt8](repeating: 0x5D, count: 1 << 20))
    #expect(try error(pickle: builder.bytes).reason.contains("more than 262144 objects"))
    builder = PickleBuilder()
    builder.raw([0x4E] + [UInt8](repeating: 0x94, count: 1 << 20))
    #expect(try error(pickle: builder.bytes).reason.contains("keeps more than 524288 values"))
  }

  @Test func namesAreBoundedAndCannotReachTheTerminal() throws {
    let long = PickleBuilder.holding { builder in
      builder.global("os", String(repeating: "x", count: 5000))
      builder.instructions(")R")
    }
    #expect(try error(pickle: long).reason.contains("a name is too long"))
    let escaping = PickleBuilder.holding { builder in
      builder.global("os", "\u{1B}[31msystem\r")
      builder.instructions(")R")
    }
    #expect(try error(pickle: escaping).description.contains("os.\\u{1B}[31msystem\\r"))
    let longKey = PickleBuilder.holding { builder in
      builder.instructions("N")
      builder.text(String(repeating: "k", count: 100_000))
      builder.instructions("N")
    }
    _ = try error(pickle: longKey)
  }
}
