using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Functions.Hosts;

/// <summary>How the host learns of dropped files: Event Grid tells it, and nothing runs in between.</summary>
internal static class DropTrigger
{
    public const BlobTriggerSource Source = BlobTriggerSource.EventGrid;
}
