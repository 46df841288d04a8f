using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Hosts;

/// <summary>How the host learns of dropped files: it looks for them, where there is no Event Grid to tell.</summary>
internal static class DropTrigger
{
    public const BlobTriggerSource Source = BlobTriggerSource.LogsAndContainerScan;
}
