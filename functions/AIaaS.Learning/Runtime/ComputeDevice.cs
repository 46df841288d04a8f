using AIaaS.Learning.Onnx;
using AIaaS.OnnxRuntime;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Runtime;

/// <summary>What executes the operators of a training.</summary>
internal enum ComputeDevice
{
    Cpu,

    /// <summary>The first NVIDIA GPU.</summary>
    Cuda,
}

/// <summary>Which device trainings use.</summary>
internal static class ComputeDevices
{
    private const string CudaProvider = "CUDAExecutionProvider";

    /// <summary><c>cpu</c>, <c>cuda</c> for every training, or <c>auto</c>: a GPU where there is one and the training is large enough to gain by it.</summary>
    public const string Variable = "AIAAS_DEVICE";

    /// <summary>Multiplications a step, below which launching kernels takes longer than the processor's own work.</summary>
    private const long WorthwhileForCuda = 50_000_000;

    /// <param name="wanted">A value of <see cref="Variable"/>; null is <c>auto</c>.</param>
    /// <param name="multiplications">What one step takes.</param>
    /// <returns>The device, and what a reader of the model's card should know where it is not the one that was asked for.</returns>
    /// <exception cref="TrainingException">There is no such device.</exception>
    public static (ComputeDevice Device, string? Note) Choose(string? wanted, long multiplications)
    {
        switch (wanted)
        {
            case "cpu":
            case null or "" or "auto" when multiplications < WorthwhileForCuda:
                return (ComputeDevice.Cpu, null);
            case null or "" or "auto":
                return (WhyNoCuda() is null ? ComputeDevice.Cuda : ComputeDevice.Cpu, null);
            case "cuda":
                return WhyNoCuda() is { } reason
                    ? (ComputeDevice.Cpu, $"The processor was used, since there is no usable GPU: {reason}")
                    : (ComputeDevice.Cuda, null);
            default:
                throw new TrainingException("There is no such device", $"{Variable} is '{wanted}'; choose cpu, cuda or auto.");
        }
    }

    /// <summary>Adds CUDA to a session's providers; the processor stays for operators it lacks.</summary>
    public static void Append(SessionOptions options, ComputeDevice device)
    {
        if (device != ComputeDevice.Cuda)
            return;

        // TF32 has the range of single precision and a thousandth of its digits: results would differ from the processor's.
        var settings = new Dictionary<string, string> { ["device_id"] = "0", ["use_tf32"] = "0" };
        var environment = OnnxRuntimeTelemetry.CreateEnvironment();
        if (environment.GetAvailableProviders().Contains(CudaProvider))
        {
            using var cuda = new OrtCUDAProviderOptions();
            cuda.UpdateOptions(settings);
            options.AppendExecutionProvider_CUDA(cuda);
            return;
        }

        // A build for processors takes the provider's library as a plug-in.
        var devices = Find();
        if (devices.Length == 0)
        {
            environment.RegisterExecutionProviderLibrary("cuda", LibraryPath());
            devices = Find();
        }

        options.AppendExecutionProvider(
            environment, devices.Length > 0 ? devices : throw new TrainingException("There is no GPU", "ONNX Runtime's CUDA provider sees no GPU."), settings);

        OrtEpDevice[] Find() => [.. environment.GetEpDevices().Where(candidate => candidate.EpName == CudaProvider).Take(1)];
    }

    private static string LibraryPath()
    {
        const string file = "libonnxruntime_providers_cuda.so";
        string[] folders = [AppContext.BaseDirectory, Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native")];
        return folders.Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists)
            ?? throw new TrainingException("There is no CUDA provider", $"There is no {file} beside ONNX Runtime's own library.");
    }

    private static string? WhyNoCuda()
    {
        try
        {
            // Only a session of it finds out whether the driver and its libraries are there.
            var graph = new GraphBuilder("probe");
            graph.Output("copy", graph.Input("value", TensorElementType.Float, [1]));
            Sessions.Create(graph.ToModel(), device: ComputeDevice.Cuda).Dispose();
            return null;
        }
        catch (Exception e) when (e is OnnxRuntimeException or TrainingException)
        {
            return e.Message;
        }
    }
}
