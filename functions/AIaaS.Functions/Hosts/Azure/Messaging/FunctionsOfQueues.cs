using Microsoft.Azure.Functions.Worker.Core.FunctionMetadata;

namespace AIaaS.Functions.Hosts.Azure.Messaging;

/// <summary>Tells the host only of functions that the chosen message queue feeds: the others would need connections, or cost, for nothing.</summary>
internal sealed class FunctionsOfQueues(string messageQueue) : IFunctionMetadataTransformer
{
    public string Name => nameof(FunctionsOfQueues);

    public void Transform(IList<IFunctionMetadata> original)
    {
        for (var index = original.Count - 1; index >= 0; index--)
        {
            var function = original[index];
            var unused = messageQueue == "service-bus"
                ? function.Name == PumpFunctions.Name
                : function.RawBindings?.Any(binding => binding.Contains("\"serviceBusTrigger\"", StringComparison.OrdinalIgnoreCase)) is true;
            if (unused)
            {
                original.RemoveAt(index);
            }
        }
    }
}
