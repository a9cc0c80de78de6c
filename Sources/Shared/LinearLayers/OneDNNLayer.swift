import CKernels
import CoDNN
import Compute
import Files

/// A linear layer by oneDNN, on the calling thread alone.
///
/// Sendable because what oneDNN has prepared is constant.
final class OneDNNLayer: LinearImplementation, @unchecked Sendable {
  private let layer: OpaquePointer
  private let shape: LinearShape

  /// So that PATCHBANK_CPU limits the library as it limits our own kernels.
  private static let limit: Void = {
    switch pb_cpu_process_level() {
    case PB_CPU_BASELINE: pb_onednn_limit(PB_ONEDNN_ISA_BASELINE)
    case PB_CPU_AVX2: pb_onednn_limit(PB_ONEDNN_ISA_AVX2)
    case PB_CPU_AVX512: pb_onednn_limit(PB_ONEDNN_ISA_AVX512)
    default: pb_onednn_limit(PB_ONEDNN_ISA_ALL)
    }
  }()

  /// - Returns: nil where the library offers no such layer on this processor.
  init?(_ shape: LinearShape, weight: SharedBuffer<Float>, bias: SharedBuffer<Float>) throws(InputError) {
    _ = Self.limit
    var layer: OpaquePointer?
    let status = withUnsafePointer(to: pb_onednn_linear_shape(shape)) {
      pb_onednn_linear_create($0, weight.pointer, bias.pointer, &layer)
    }
    if status == PB_ONEDNN_UNSUPPORTED { return nil }
    guard status == PB_ONEDNN_OK, let layer else {
      throw InputError(
        "oneDNN \(String(cString: pb_onednn_version()))",
        "cannot prepare a linear layer from \(shape.inputWidth) to \(shape.outputWidth) values"
          + (status == PB_ONEDNN_NO_MEMORY ? ": there is no memory left" : ""),
        remedy: "multiply with OpenBLAS instead (--engine openblas)")
    }
    self.layer = layer
    self.shape = shape
  }

  deinit { pb_onednn_linear_destroy(layer) }

  var scratchByteCount: Int { pb_onednn_linear_scratch_bytes(layer) }

  func apply(
    _ input: UnsafeRawPointer, into output: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) {
    let status = pb_onednn_linear_apply(layer, input, output, scratch)
    precondition(status == PB_ONEDNN_OK, "oneDNN failed to apply a layer that it had prepared: \(shape)")
  }
}

extension pb_onednn_linear_shape {
  init(_ shape: LinearShape) {
    self.init()
    rows = Int64(shape.rows)
    (input_width, output_width) = (Int64(shape.inputWidth), Int64(shape.outputWidth))
    (operands, result) = (pb_onednn_type(shape.operands), pb_onednn_type(shape.result))
    switch shape.completion {
    case .add: adds_to_output = 1
    case .store(nil): activation = PB_ONEDNN_IDENTITY
    case .store(.gelu): activation = PB_ONEDNN_GELU
    case .store(.geluTanh): activation = PB_ONEDNN_GELU_TANH
    case .store(.quickGelu): activation = PB_ONEDNN_QUICK_GELU
    }
  }
}

extension pb_onednn_type {
  fileprivate init(_ type: ElementType) {
    self = type == .bfloat16 ? PB_ONEDNN_BFLOAT16 : PB_ONEDNN_FLOAT32
  }
}
