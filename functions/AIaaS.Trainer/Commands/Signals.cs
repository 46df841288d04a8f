using System.Runtime.InteropServices;

namespace AIaaS.Trainer.Commands;

internal static partial class Signals
{
    private const int Sigterm = 15;

    /// <summary>Asks a process to leave; where there are no signals, the end of its standard input has to do.</summary>
    public static void Terminate(int processId)
    {
        if (!OperatingSystem.IsWindows())
            _ = Kill(processId, Sigterm);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int Kill(int processId, int signal);
}
