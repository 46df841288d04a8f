using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using AIaaS.Serving.Tests;

if (args is not ["telemetry-probe"])
{
    Console.Error.WriteLine("Usage: telemetry-probe");
    return 1;
}

TelemetryProbe.Report("start");
TelemetryProbe.TouchServing();
TelemetryProbe.Report("touched");
await TelemetryProbe.LoadModelAsync();
TelemetryProbe.Report("loaded");
return 0;

namespace AIaaS.Serving.Tests
{
    /// <summary>Tells what native code sees of the environment, and whether ONNX Runtime's library is loaded.</summary>
    internal static partial class TelemetryProbe
    {
        public static void Report(string stage)
        {
            var variable = Marshal.PtrToStringUTF8(GetNativeVariable("ORT_DISABLE_TELEMETRY")) ?? "unset";
            var loaded = File.ReadAllText("/proc/self/maps").Contains("libonnxruntime.so", StringComparison.Ordinal);
            Console.WriteLine($"{stage}: ORT_DISABLE_TELEMETRY {variable}, library {(loaded ? "loaded" : "absent")}");
        }

        [MethodImpl(MethodImplOptions.NoInlining)]
        public static void TouchServing() =>
            RuntimeHelpers.RunModuleConstructor(typeof(Serving.Models.ModelServer).Module.ModuleHandle);

        public static async Task LoadModelAsync()
        {
            var source = new FileModelSource();
            await using var server = new Serving.Models.ModelServer(source, new(), TimeProvider.System);
            using var lease = await server.AcquireAsync(source.Add(TestModels.Regression), CancellationToken.None);
        }

        [LibraryImport("libc", EntryPoint = "getenv", StringMarshalling = StringMarshalling.Utf8)]
        [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
        private static partial nint GetNativeVariable(string name);
    }
}
