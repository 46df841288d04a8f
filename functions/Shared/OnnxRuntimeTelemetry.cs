using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;

namespace AIaaS.OnnxRuntime;

/// <summary>
/// Keeps ONNX Runtime from sending telemetry. Linked into every assembly of ours that calls ONNX Runtime,
/// and in the local build into the assembly of ONNX Runtime itself.
/// </summary>
/// <remarks>
/// The library reads <c>ORT_DISABLE_TELEMETRY</c> from the native environment as it makes its environment object.
/// On Unix .NET works on a copy of the environment, so that <see cref="Environment.SetEnvironmentVariable(string, string)"/>
/// is not seen by native code and <c>setenv</c> has to be called; on Windows the managed call does reach it.
/// </remarks>
internal static partial class OnnxRuntimeTelemetry
{
    internal const string Variable = "ORT_DISABLE_TELEMETRY";

    /// <summary>The process's ONNX Runtime environment, with its telemetry events off.</summary>
    internal static OrtEnv CreateEnvironment()
    {
        var environment = OrtEnv.Instance();
        environment.DisableTelemetryEvents();
        return environment;
    }

    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255:The 'ModuleInitializer' attribute should not be used in libraries",
        Justification = "The variable must be set before the library loads, whichever member is called first.")]
    internal static void Disable()
    {
        Environment.SetEnvironmentVariable(Variable, "1");
        if (!OperatingSystem.IsWindows() && SetNativeVariable(Variable, "1", overwrite: 1) != 0)
            throw new InvalidOperationException($"The environment variable {Variable} could not be set; without it ONNX Runtime sends telemetry.");
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetNativeVariable(string name, string value, int overwrite);
}
