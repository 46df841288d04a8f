using AIaaS.Learning.Onnx.Protos;
using AIaaS.OnnxRuntime;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.Learning.Runtime;

/// <summary>Makes ONNX Runtime sessions for graphs of ours.</summary>
internal static class Sessions
{
    /// <param name="model">A finished model.</param>
    /// <param name="threads">Threads within an operator; the result is the same bit for bit only with 1.</param>
    /// <param name="device">What it runs on.</param>
    public static InferenceSession Create(ModelProto model, int threads = 1, ComputeDevice device = ComputeDevice.Cpu)
    {
        OnnxRuntimeTelemetry.CreateEnvironment();
        using var options = new SessionOptions
        {
            IntraOpNumThreads = threads,
            InterOpNumThreads = 1,
            ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        // Threads that spin between steps would take the cores of other trials.
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
        ComputeDevices.Append(options, device);
        return new InferenceSession(model.ToByteArray(), options);
    }
}
