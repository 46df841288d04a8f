using AIaaS.Functions;
using AIaaS.LocalHost.Hosting;

return await LocalCommand.RunAsync(args, typeof(FunctionApp).Assembly, FunctionApp.Compose);
