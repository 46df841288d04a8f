using AIaaS.Functions.Hosts.Azure.Messaging;
using Microsoft.Azure.Functions.Worker.Core.FunctionMetadata;
using Moq;

namespace AIaaS.Azure.Tests.Messaging;

public sealed class FunctionsOfQueuesTests
{
    [Theory]
    [InlineData("service-bus", "GetRun StartRun")]
    [InlineData("files", "GetRun PumpMessages")]
    public void The_host_is_told_only_of_functions_that_the_queue_feeds(string queue, string expected)
    {
        List<IFunctionMetadata> functions =
        [
            Function("GetRun", """{"name":"request","type":"httpTrigger","direction":"In"}"""),
            Function("StartRun", """{"name":"message","type":"serviceBusTrigger","direction":"In","queueName":"run-start"}"""),
            Function(PumpFunctions.Name, """{"name":"timer","type":"timerTrigger","direction":"In"}"""),
        ];

        new FunctionsOfQueues(queue).Transform(functions);

        Assert.Equal(expected, string.Join(' ', functions.Select(function => function.Name)));
    }

    private static IFunctionMetadata Function(string name, string binding)
        => Mock.Of<IFunctionMetadata>(function => function.Name == name && function.RawBindings == new List<string> { binding });
}
