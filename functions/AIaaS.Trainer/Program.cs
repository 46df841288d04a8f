using AIaaS.Trainer;
using AIaaS.Trainer.Commands;
using AIaaS.Trainer.Nodes;
using AIaaS.Trainer.Preparation;
using AIaaS.Trainer.Training;

var time = TimeProvider.System;
if (args is [NodeProcess.Option, var source, var target, var folder])
    return await new NodeProcess(time, Console.Out, Console.Error).RunAsync(source, target, folder);
var trainer = new TrainerProcess(time, Console.Out, Console.Error, [new CommandRunner(time), new PrepareRunner(time), new TrainRunner(time)]);
return await trainer.RunAsync(args);
